"""The segmentation network runs on the CPU with onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from world_model_node.model_files import read_card, read_checked
from world_model_node.segmentation.dimensions import NODE_FEATURES, PAIR_FEATURES
from world_model_node.segmentation.features import SupervoxelGraph

NAME = 'segmentation'
GRAPH, WEIGHTS = f'{NAME}.onnx', f'{NAME}.safetensors'
PADDING_MULTIPLE = 16  # multiple that inputs are padded to, so that few shapes occur
INPUTS = ('nodes', 'pairs', 'places', 'mask')
OUTPUTS = ('same', 'object', 'votes')


@dataclass(frozen=True)
class SegmentationOutput:
    """The network's output for M supervoxels."""

    same_logits: np.ndarray  # (M, M) log-odds that two belong to one object
    object_logits: np.ndarray  # (M,) log-odds that one belongs to any object
    center_votes_m: np.ndarray  # (M, 3) predicted centre of each supervoxel's object


class SegmentationEngine:
    """An onnxruntime session of a checked model.

    Args:
        folder: the folder with the graph and the card.

    Raises:
        BadInputError: a file is missing or changed, or holds another graph.
    """

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        card = read_card(folder, NAME, (GRAPH, WEIGHTS))
        graph = read_checked(folder, GRAPH, card.sha256[GRAPH])
        options = onnxruntime.SessionOptions()
        # a second thread waits for cores of other nodes, which worsens the 99th percentile
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        # an arena would keep the largest memory that any input has needed, and fragment it
        options.enable_cpu_mem_arena = options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=['CPUExecutionProvider']
            )
        except Exception as error:  # errors of onnxruntime have no common base class
            raise BadInputError(f'model {folder / GRAPH}: got no ONNX graph: {error}') from error
        found = tuple(i.name for i in self._session.get_inputs())
        if found != INPUTS:
            raise BadInputError(f'model {folder / GRAPH}: got inputs {found}, expected {INPUTS}')
        self.name = f'network {card.sha256[GRAPH][:8]}'

    def infer(self, graph: SupervoxelGraph) -> SegmentationOutput:
        """Run the network on all supervoxels and pairs at once."""
        m = len(graph)
        same, of_object, votes = self._session.run(OUTPUTS, pad_graph(graph))
        centroid = graph.centers_m.mean(axis=0)
        return SegmentationOutput(same[0, :m, :m], of_object[0, :m], votes[0, :m] + centroid)


def pad_graph(graph: SupervoxelGraph) -> dict[str, np.ndarray]:
    """Pad the network's inputs with zeros to a multiple of PADDING_MULTIPLE supervoxels."""
    m = len(graph)
    size = -(-m // PADDING_MULTIPLE) * PADDING_MULTIPLE
    nodes = np.zeros((1, size, NODE_FEATURES), np.float32)
    pairs = np.zeros((1, PAIR_FEATURES, size, size), np.float32)
    places, mask = np.zeros((1, size, 3), np.float32), np.zeros((1, size), np.float32)
    nodes[0, :m], pairs[0, :, :m, :m], mask[0, :m] = graph.nodes, graph.pairs, 1.0
    places[0, :m] = graph.centers_m - graph.centers_m.mean(axis=0)
    return dict(zip(INPUTS, (nodes, pairs, places, mask), strict=True))
