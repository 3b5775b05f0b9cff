"""The network as ONNX graphs: one that updates the belief, and one per `ActiveContacts`.

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

from world_model_node.inference.engine import BeliefArrays, ImaginedArrays
from world_model_node.inference.export_graphs import (
    FinishGraph,
    InitializeGraph,
    StepGraph,
    UpdateGraph,
)
from world_model_node.inference.loop_invariants import hoist_invariants
from world_model_node.inference.torch_engine import sample_noise
from world_model_node.model.card import IMAGINE_GRAPHS, UPDATE_GRAPH, add_to_card
from world_model_node.model.contact.body_state import MotionState
from world_model_node.model.dimensions import ACTION_SIZE, NUM_STEPS
from world_model_node.model.features.input_window import InputWindow, array_shapes
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.physics.rollout import RolloutSamples
from world_model_node.model.weights import load_model

OPSET, IR_VERSION, PRODUCER = 17, 8, 'sakiyomi'
# of the example that is traced; the graphs take any number
EXAMPLE_OBJECTS, EXAMPLE_ACTIONS = 2, 3
PER_FRAME_INPUTS = ('motion', 'seen', 'hand', 'touch')  # objects are their second axis
INPUTS_WITHOUT_OBJECTS = ('hand_on', 'touch_on')
MOTION_FIELDS = MotionState._fields
BELIEF_FIELDS = BeliefArrays._fields[:5]  # what imagining reads of it
FINISH_INPUTS = ('place', 'motion', 'held')  # and what its end reads of the window


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
    """The graph from `InputWindow` to `BeliefArrays`."""
    outputs = BeliefArrays._fields
    axes = _window_axes() | {name: {0: 'n'} for name in outputs}
    module = UpdateGraph(network, sample_noise(network.config.samples, network))
    graph = _trace(module, tuple(_example_window().values()), InputWindow._fields, outputs, axes)
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def imagine_graph(network: WorldNetwork, active: ActiveContacts) -> bytes:
    """The graph from actions, `BeliefArrays` and `InputWindow` to `ImaginedArrays`."""
    noise = sample_noise(network.config.samples, network)
    window = _example_window()
    with torch.no_grad():
        belief = UpdateGraph(network, noise)(*window.values())[: len(BELIEF_FIELDS)]
    known = (*belief, *window.values())
    initialize, initial, outputs = _export_initialize(
        InitializeGraph(network, noise, active), known, active
    )
    step, rolled_row = _export_step(
        StepGraph(network, active), belief[0], initial, outputs, active
    )
    window_fields = {name: window[name] for name in FINISH_INPUTS}
    finish = _export_finish(FinishGraph(network, len(noise)), belief, window_fields, rolled_row)
    graph = _join_graphs(initialize, step, finish, outputs, active)
    onnx.checker.check_model(graph)
    return graph.SerializeToString()


def _export_initialize(
    module: InitializeGraph, known: tuple[Tensor, ...], active: ActiveContacts
) -> tuple[onnx.ModelProto, tuple[Tensor, ...], list[str]]:
    actions = torch.zeros(EXAMPLE_ACTIONS, NUM_STEPS + 1, ACTION_SIZE)
    actions[..., 3] = 1.0
    with torch.no_grad():
        initial = module(actions, *known)
    num_context_tensors = len(initial) - len(MOTION_FIELDS) - active.hand
    outputs = [
        *MOTION_FIELDS,
        *(f'setting_{k}' for k in range(num_context_tensors)),
        *(['path'] * active.hand),
    ]
    inputs = ('actions', *BELIEF_FIELDS, *InputWindow._fields)
    axes = {'actions': {0: 'B'}, **{name: {0: 'n'} for name in BELIEF_FIELDS}, **_window_axes()}
    # a name for two things: the window's `rotation` and that of the motion
    output_names = [f'begun_{name}' for name in outputs]
    axes |= _body_axes(output_names, initial)
    return _trace(module, (actions, *known), inputs, output_names, axes), initial, output_names


def _export_step(
    module: StepGraph,
    state: Tensor,
    initial: tuple[Tensor, ...],
    names: list[str],
    active: ActiveContacts,
) -> tuple[onnx.ModelProto, tuple[Tensor, ...]]:
    values = (*initial[:-1], initial[-1][0]) if active.hand else initial
    with torch.no_grad():
        rolled_row = module(state, *values)[len(MOTION_FIELDS) :]
    inputs = [*(f'before_{name}' for name in MOTION_FIELDS), *names[len(MOTION_FIELDS) :]]
    outputs = [
        *(f'after_{name}' for name in MOTION_FIELDS),
        *(f'row_{name}' for name in RolloutSamples._fields),
    ]
    axes = {'state': {0: 'n'}, **_body_axes(inputs, values)}
    axes |= {name: {1: 'N'} for name in outputs}
    return _trace(module, (state, *values), ['state', *inputs], outputs, axes), rolled_row


def _export_finish(
    module: FinishGraph,
    belief: tuple[Tensor, ...],
    window_fields: dict[str, Tensor],
    rolled_row: tuple[Tensor, ...],
) -> onnx.ModelProto:
    rolled = tuple(value.expand(NUM_STEPS, *value.shape) for value in rolled_row)
    args = (
        torch.zeros(EXAMPLE_ACTIONS, NUM_STEPS + 1, ACTION_SIZE),
        *belief[:2],
        *window_fields.values(),
        *rolled,
    )
    names = [f'rolled_{name}' for name in RolloutSamples._fields]
    inputs = ['actions', *BELIEF_FIELDS[:2], *window_fields, *names]
    outputs = [f'out_{name}' for name in ImaginedArrays._fields]
    axes = {'actions': {0: 'B'}, **{name: {0: 'n'} for name in BELIEF_FIELDS[:2]}}
    axes |= {name: _window_axes()[name] for name in window_fields}
    axes |= {name: {2: 'N'} for name in names} | {name: {0: 'B', 1: 'n'} for name in outputs}
    return _trace(module, args, inputs, outputs, axes)


def _trace(module: nn.Module, args: tuple[Tensor, ...], inputs, outputs, axes) -> onnx.ModelProto:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # sizes that become constants, and that the tracing exporter is the older of two
        warnings.simplefilter('ignore')
        torch.onnx.export(
            module.eval(), args, stream, input_names=list(inputs), output_names=list(outputs),
            dynamic_axes=axes, opset_version=OPSET, dynamo=False,
        )  # fmt: skip
    return onnx.load_from_string(stream.getvalue())


def _join_graphs(
    initialize: onnx.ModelProto,
    step: onnx.ModelProto,
    finish: onnx.ModelProto,
    initial: list[str],
    active: ActiveContacts,
) -> onnx.ModelProto:
    """One graph around a scan of the step."""
    initialize, body, finish = (
        compose.add_prefix_graph(model.graph, prefix, rename_inputs=False, rename_outputs=False)
        for model, prefix in ((initialize, 'begin/'), (step, 'step/'), (finish, 'finish/'))
    )
    clock = numpy_helper.from_array(torch.zeros(NUM_STEPS, 1).numpy(), 'clock')
    scanned, element = (initial[-1], 'begun_path') if active.hand else ('clock', 'tick')
    body_inputs = {value.name: value for value in body.input}
    if not active.hand:  # a scan needs something to go through
        body_inputs[element] = helper.make_tensor_value_info(element, TensorProto.FLOAT, [1])
    else:  # the body's own name for one row of it
        _rename_input(body, element, 'path_row')
        element = 'path_row'
    del body.input[:]
    body.input.extend(body_inputs[f'before_{name}'] for name in MOTION_FIELDS)
    rolled_row = body_inputs['begun_path'] if active.hand else body_inputs[element]
    rolled_row.name = element
    body.input.append(rolled_row)
    starts = {f'before_{name}': start for name, start in zip(MOTION_FIELDS, initial, strict=False)}
    hoisted_nodes, constants = hoist_invariants(body, starts)
    scan = helper.make_node(
        'Scan',
        [*initial[: len(MOTION_FIELDS)], scanned],
        [
            *(f'last_{name}' for name in MOTION_FIELDS),
            *(f'rolled_{name}' for name in RolloutSamples._fields),
        ],
        body=body,
        num_scan_inputs=1,
    )
    known = {value.name for value in initialize.input}
    extra_inputs = [
        value for value in finish.input if value.name in FINISH_INPUTS and value.name not in known
    ]
    graph = helper.make_graph(
        [*initialize.node, *hoisted_nodes, scan, *finish.node],
        'imagine',
        [*initialize.input, *extra_inputs],
        list(finish.output),
        [*initialize.initializer, *constants, *finish.initializer, clock],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid('', OPSET)], producer_name=PRODUCER
    )
    model.ir_version = IR_VERSION
    return model


def _rename_input(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name == old:
                node.input[index] = new


def _example_window() -> dict[str, Tensor]:
    window = {name: torch.zeros(shape) for name, shape in array_shapes(EXAMPLE_OBJECTS).items()}
    window['rotation'][:, 0] = 1.0
    window['inertia'][:] = 1e-4 * torch.eye(3)
    window['half_extent'][:] = 0.02
    window['present'][:] = 1.0
    return window


def _window_axes() -> dict[str, dict[int, str]]:
    return {
        name: {1 if name in PER_FRAME_INPUTS else 0: 'n'}
        for name in InputWindow._fields
        if name not in INPUTS_WITHOUT_OBJECTS
    }


def _body_axes(names, values: tuple[Tensor, ...]) -> dict[str, dict[int, str]]:
    """Of bodies; those of the hand's path are actions."""
    return {
        name: {value.dim() - 1: 'B' if name.endswith('path') else 'N'}
        for name, value in zip(names, values, strict=True)
    }
