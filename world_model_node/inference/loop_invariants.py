"""Take out of a loop what is the same in every turn of it.

The step is traced as if everything changed: masks, products of masses and every shape are computed
anew twenty times. Whatever follows from the surrounding graph alone moves there.
"""

from __future__ import annotations

import onnx

OUTER_PREFIX = 'outer/'


def hoist_invariants(
    body: onnx.GraphProto, states: dict[str, str]
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Remove from `body` what does not change, and give it as nodes and constants to go before.

    Args:
        body: Its nodes in order; its inputs are what changes.
        states: What each state of the loop starts from: it keeps that shape.
    """
    changing = {value.name for value in body.input}
    constants = {tensor.name: tensor for tensor in body.initializer}
    constant_nodes = {node.output[0]: node for node in body.node if node.op_type == 'Constant'}
    results = {value.name for value in body.output}
    kept_nodes, hoisted_nodes = [], []
    for node in body.node:
        if node.op_type == 'Shape' and node.input[0] in states:
            node.input[0] = states[node.input[0]]
        if node.op_type == 'Constant':
            kept_nodes.append(node)
        elif node.attribute and any(a.HasField('g') for a in node.attribute):
            kept_nodes.append(node)
            changing.update(node.output)
        elif changing.isdisjoint(node.input) and results.isdisjoint(node.output):
            hoisted_nodes.append(node)
        else:
            kept_nodes.append(node)
            changing.update(node.output)
    copies = _copy_constants(hoisted_nodes, constants, constant_nodes)
    needed = {name for node in kept_nodes for name in node.input}
    needed |= results
    del body.node[:]
    body.node.extend(n for n in kept_nodes if n.op_type != 'Constant' or n.output[0] in needed)
    tensors = [tensor for tensor in body.initializer if tensor.name in needed]
    del body.initializer[:]
    body.initializer.extend(tensors)
    return [*copies[0], *hoisted_nodes], copies[1]


def _copy_constants(
    nodes: list[onnx.NodeProto],
    constants: dict[str, onnx.TensorProto],
    constant_nodes: dict[str, onnx.NodeProto],
) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Copies of the constants that the nodes read, which now read those: names stay unique."""
    copies: dict[str, onnx.NodeProto] = {}
    tensors: dict[str, onnx.TensorProto] = {}
    for node in nodes:
        for index, name in enumerate(node.input):
            if name not in constants and name not in constant_nodes:
                continue
            node.input[index] = OUTER_PREFIX + name
            if name in constants and name not in tensors:
                tensors[name] = onnx.TensorProto()
                tensors[name].CopyFrom(constants[name])
                tensors[name].name = OUTER_PREFIX + name
            elif name in constant_nodes and name not in copies:
                copies[name] = onnx.NodeProto()
                copies[name].CopyFrom(constant_nodes[name])
                copies[name].output[0] = OUTER_PREFIX + name
    return list(copies.values()), list(tensors.values())
