"""The network as ONNX graphs: one that updates the belief, and one per `Involved` that imagines.

Unrolled, 20 steps are more than ten thousand nodes, which ONNX Runtime took minutes to load. So
the beginning, one step and the end are traced apart and joined around a `Scan`, whose body is the
step; what does not change over the steps reaches it from the graph around it. The numbers of
objects and actions stay free.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import torch
from onnx import TensorProto, compose, helper, numpy_helper
from torch import Tensor, nn

from world_model_node.engines.engine import BeliefArrays, ImaginedArrays
from world_model_node.engines.graphs import BeginGraph, FinishGraph, StepGraph, UpdateGraph
from world_model_node.engines.invariants import hoisted
from world_model_node.engines.torch_engine import sample_noise
from world_model_node.model.card import IMAGINE_GRAPHS, UPDATE_GRAPH, add_to_card
from world_model_node.model.dimensions import ACTION, STEPS
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.involved import Involved
from world_model_node.model.physics.rollout import Rolled
from world_model_node.model.physics.state import Motion
from world_model_node.model.watched.window import Window, shapes
from world_model_node.model.weights import load_model

OPSET, IR_VERSION, PRODUCER = 17, 8, 'sakiyomi'
OBJECTS, ACTIONS = 2, 3  # of the example that is traced; the graphs take any number
OF_FRAMES = ('motion', 'seen', 'hand', 'touch')  # objects are their second axis
WITHOUT_OBJECTS = ('hand_on', 'touch_on')
MOTION = Motion._fields
BELIEF = BeliefArrays._fields[:5]  # what imagining reads of it
SEEN = ('place', 'motion', 'held')  # and what its end reads of the window


def write_graphs(folder: Path, progress: Callable[[str], None] = lambda _: None) -> None:
    """Trace the model in a folder, write its graphs beside it and let its card vouch for them.

    Args:
        folder: With the weights and their card.
        progress: Is told the name of every file that was written.

    Raises:
        BadInputError: There is no model in the folder, or it is damaged.
    """
    network, _ = load_model(folder)
    graphs = {UPDATE_GRAPH: lambda: update_graph(network)}
    graphs |= {name: partial(imagine_graph, network, p) for p, name in IMAGINE_GRAPHS.items()}
    hashes = {}
    for name, make in graphs.items():
        content = make()
        (folder / name).write_bytes(content)
        hashes[name] = hashlib.sha256(content).hexdigest()
        progress(name)
    add_to_card(folder, hashes)


def update_graph(network: WorldNetwork) -> bytes:
    """The graph from `Window` to `BeliefArrays`."""
    outputs = BeliefArrays._fields
    axes = _window_axes() | {name: {0: 'n'} for name in outputs}
    piece = UpdateGraph(network, sample_noise(network.config.samples, network))
    graph = _traced(piece, tuple(_example().values()), Window._fields, outputs, axes)
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def imagine_graph(network: WorldNetwork, parts: Involved) -> bytes:
    """The graph from actions, `BeliefArrays` and `Window` to `ImaginedArrays`."""
    noise = sample_noise(network.config.samples, network)
    window = _example()
    with torch.no_grad():
        belief = UpdateGraph(network, noise)(*window.values())[: len(BELIEF)]
    known = (*belief, *window.values())
    begin, begun, outputs = _begin(BeginGraph(network, noise, parts), known, parts)
    step, row = _step(StepGraph(network, parts), belief[0], begun, outputs, parts)
    seen = {name: window[name] for name in SEEN}
    finish = _finish(FinishGraph(network, len(noise)), belief, seen, row)
    graph = _joined(begin, step, finish, outputs, parts)
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def _begin(
    piece: BeginGraph, known: tuple[Tensor, ...], parts: Involved
) -> tuple[onnx.ModelProto, tuple[Tensor, ...], list[str]]:
    actions = torch.zeros(ACTIONS, STEPS + 1, ACTION)
    actions[..., 3] = 1.0
    with torch.no_grad():
        begun = piece(actions, *known)
    flat = len(begun) - len(MOTION) - parts.hand
    outputs = [*MOTION, *(f'setting_{k}' for k in range(flat)), *(['path'] * parts.hand)]
    inputs = ('actions', *BELIEF, *Window._fields)
    axes = {'actions': {0: 'B'}, **{name: {0: 'n'} for name in BELIEF}, **_window_axes()}
    # a name for two things: the window's `rotation` and that of the motion
    named = [f'begun_{name}' for name in outputs]
    axes |= _last_axes(named, begun)
    return _traced(piece, (actions, *known), inputs, named, axes), begun, named


def _step(
    piece: StepGraph,
    state: Tensor,
    begun: tuple[Tensor, ...],
    names: list[str],
    parts: Involved,
) -> tuple[onnx.ModelProto, tuple[Tensor, ...]]:
    values = (*begun[:-1], begun[-1][0]) if parts.hand else begun
    with torch.no_grad():
        row = piece(state, *values)[len(MOTION) :]
    inputs = [*(f'before_{name}' for name in MOTION), *names[len(MOTION) :]]
    outputs = [*(f'after_{name}' for name in MOTION), *(f'row_{name}' for name in Rolled._fields)]
    axes = {'state': {0: 'n'}, **_last_axes(inputs, values)}
    axes |= {name: {1: 'N'} for name in outputs}
    return _traced(piece, (state, *values), ['state', *inputs], outputs, axes), row


def _finish(
    piece: FinishGraph,
    belief: tuple[Tensor, ...],
    seen: dict[str, Tensor],
    row: tuple[Tensor, ...],
) -> onnx.ModelProto:
    rolled = tuple(value.expand(STEPS, *value.shape) for value in row)
    args = (torch.zeros(ACTIONS, STEPS + 1, ACTION), *belief[:2], *seen.values(), *rolled)
    names = [f'rolled_{name}' for name in Rolled._fields]
    inputs = ['actions', *BELIEF[:2], *seen, *names]
    outputs = [f'out_{name}' for name in ImaginedArrays._fields]
    axes = {'actions': {0: 'B'}, **{name: {0: 'n'} for name in BELIEF[:2]}}
    axes |= {name: _window_axes()[name] for name in seen}
    axes |= {name: {2: 'N'} for name in names} | {name: {0: 'B', 1: 'n'} for name in outputs}
    return _traced(piece, args, inputs, outputs, axes)


def _traced(piece: nn.Module, args: tuple[Tensor, ...], inputs, outputs, axes) -> onnx.ModelProto:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # sizes that become constants, and that the tracing exporter is the older of two
        warnings.simplefilter('ignore')
        torch.onnx.export(
            piece.eval(), args, stream, input_names=list(inputs), output_names=list(outputs),
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    return onnx.load_from_string(stream.getvalue())


def _joined(
    begin: onnx.ModelProto,
    step: onnx.ModelProto,
    finish: onnx.ModelProto,
    begun: list[str],
    parts: Involved,
) -> onnx.ModelProto:
    """One graph around a scan of the step."""
    begin, body, finish = (
        compose.add_prefix_graph(model.graph, prefix, rename_inputs=False, rename_outputs=False)
        for model, prefix in ((begin, 'begin/'), (step, 'step/'), (finish, 'finish/'))
    )
    clock = numpy_helper.from_array(torch.zeros(STEPS, 1).numpy(), 'clock')
    scanned, element = (begun[-1], 'begun_path') if parts.hand else ('clock', 'tick')
    given = {value.name: value for value in body.input}
    if not parts.hand:  # a scan needs something to go through
        given[element] = helper.make_tensor_value_info(element, TensorProto.FLOAT, [1])
    else:  # the body's own name for one row of it
        _renamed(body, element, 'path_row')
        element = 'path_row'
    del body.input[:]
    body.input.extend(given[f'before_{name}'] for name in MOTION)
    row = given['begun_path'] if parts.hand else given[element]
    row.name = element
    body.input.append(row)
    starts = {f'before_{name}': start for name, start in zip(MOTION, begun, strict=False)}
    before, constants = hoisted(body, starts)
    scan = helper.make_node(
        'Scan',
        [*begun[: len(MOTION)], scanned],
        [*(f'last_{name}' for name in MOTION), *(f'rolled_{name}' for name in Rolled._fields)],
        body=body,
        num_scan_inputs=1,
    )
    known = {value.name for value in begin.input}
    late = [value for value in finish.input if value.name in SEEN and value.name not in known]
    graph = helper.make_graph(
        [*begin.node, *before, scan, *finish.node],
        'imagine',
        [*begin.input, *late],
        list(finish.output),
        [*begin.initializer, *constants, *finish.initializer, clock],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', OPSET)], producer_name=PRODUCER
    )
    model.ir_version = IR_VERSION
    return model


def _renamed(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def _example() -> dict[str, Tensor]:
    window = {name: torch.zeros(shape) for name, shape in shapes(OBJECTS).items()}
    window['rotation'][:, 0] = 1.0
    window['inertia'][:] = 1e-4 * torch.eye(3)
    window['half_extent'][:] = 0.02
    window['present'][:] = 1.0
    return window


def _window_axes() -> dict[str, dict[int, str]]:
    return {
        name: {1 if name in OF_FRAMES else 0: 'n'}
        for name in Window._fields
        if name not in WITHOUT_OBJECTS
    }


def _last_axes(names, values: tuple[Tensor, ...]) -> dict[str, dict[int, str]]:
    """Of bodies; those of the hand's path are actions."""
    return {
        name: {value.dim() - 1: 'B' if name.endswith('path') else 'N'}
        for name, value in zip(names, values, strict=True)
    }
