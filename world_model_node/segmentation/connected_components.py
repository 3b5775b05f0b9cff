"""Spatial components of a cloud, which are too far apart to share an object.

The network's input positions are relative to the mean of the cloud. Distant points, such as those
of an unknown robot, would shift that mean beyond the training data.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from world_model_node.fusion.points import voxel_indices
from world_model_node.segmentation.voxel_graph import graph_components

MAX_DIAGONAL_EDGES = 1.75  # diagonal of a unit cube with a tolerance


def spatial_components(points: np.ndarray, edge_m: float) -> np.ndarray:
    """Return the component of each of (N, 3) points, 0 upward. Shape (N,).

    Points nearer than the edge are in one component; a gap of twice the edge separates.
    """
    if not len(points):
        return np.zeros(0, int)
    block_of_point = voxel_indices(points, edge_m)
    any_of_block = np.zeros(block_of_point.max() + 1, int)
    any_of_block[block_of_point] = np.arange(len(points))
    blocks = np.floor(points[any_of_block] / edge_m)
    pairs = cKDTree(blocks).query_pairs(MAX_DIAGONAL_EDGES, output_type='ndarray')
    return graph_components(pairs, len(blocks))[block_of_point]
