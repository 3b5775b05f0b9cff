"""Export of a trained network as weights, ONNX graph and card."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from sakiyomi_training.segmentation.network import SupervoxelNetwork
from world_model_node.model_files import write_card
from world_model_node.segmentation.dimensions import NODE_FEATURES, PAIR_FEATURES
from world_model_node.segmentation.segmentation_engine import GRAPH, INPUTS, NAME, OUTPUTS, WEIGHTS

OPSET = 17
NUM_PARTS = 128  # parts of the traced example


def export(network: SupervoxelNetwork, folder: Path, details: dict[str, Any]) -> None:
    """Write the three files; the graph takes any number of parts."""
    folder.mkdir(parents=True, exist_ok=True)
    network.eval()
    tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
    (folder / WEIGHTS).write_bytes(save(tensors))
    (folder / GRAPH).write_bytes(graph_of(network))
    write_card(folder, NAME, (GRAPH, WEIGHTS), details)


def graph_of(network: SupervoxelNetwork) -> bytes:
    """The ONNX graph of a network."""
    example = (
        torch.zeros(1, NUM_PARTS, NODE_FEATURES),
        torch.zeros(1, PAIR_FEATURES, NUM_PARTS, NUM_PARTS),
        torch.zeros(1, NUM_PARTS, 3),
        torch.ones(1, NUM_PARTS),
    )
    axes = {'nodes': {1: 'm'}, 'pairs': {2: 'm', 3: 'm'}, 'places': {1: 'm'}, 'mask': {1: 'm'}}
    axes |= {'same': {1: 'm', 2: 'm'}, 'object': {1: 'm'}, 'votes': {1: 'm'}}
    stream = io.BytesIO()
    torch.onnx.export(
        network,
        example,
        stream,
        input_names=list(INPUTS),
        output_names=list(OUTPUTS),
        dynamic_axes=axes,
        opset_version=OPSET,
        dynamo=False,
    )
    return stream.getvalue()
