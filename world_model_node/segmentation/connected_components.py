"""Supervoxels of a cloud that are too far from each other to share an object.

The network sees the place of each part relative to the middle of all it is given; what stands far
off, such as the robot where it is not known, would move that middle beyond all that was learnt.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from world_model_node.fusion.points import voxel_indices
from world_model_node.segmentation.voxel_graph import graph_components

EDGE_M = 0.05  # nearer points are of one component, those with a gap of more than twice it are not
MAX_DIAGONAL_EDGES = 1.75  # of a cube, in edges, and a little more


def spatial_components(points: np.ndarray) -> np.ndarray:
    """The component of each of (N, 3) points, 0 upward. Shape (N,)."""
    if not len(points):
        return np.zeros(0, int)
    block_of_point = voxel_indices(points, EDGE_M)
    any_of_block = np.zeros(block_of_point.max() + 1, int)
    any_of_block[block_of_point] = np.arange(len(points))
    blocks = np.floor(points[any_of_block] / EDGE_M)
    pairs = cKDTree(blocks).query_pairs(MAX_DIAGONAL_EDGES, output_type='ndarray')
    return graph_components(pairs, len(blocks))[block_of_point]
