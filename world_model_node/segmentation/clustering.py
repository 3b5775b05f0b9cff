"""Divide fused points into objects: connected, of one paint, parted at creases where none is seen.

Local convexity after Stein et al., Object partitioning using local convexity, CVPR 2014. Colour
goes first where there is any: an object may well have inner corners, but rarely two neighbours
have one paint.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from world_model_node.config import ClusteringConfig
from world_model_node.fusion.appearance import UNKNOWN_COLOR, color_classes, shading_free
from world_model_node.fusion.points import PointSet, fused, voxel_of
from world_model_node.fusion.visibility import Sight
from world_model_node.segmentation.cell_graph import (
    UNLABELLED,
    CellGraph,
    components,
    joined_labels,
)

NOT_AN_OBJECT = UNLABELLED
MAIN_PAINT = 0.6  # share of a segment's coloured cells
COLORED = 0.2  # share of a cell's weight that came with colour
FLAT_SHARE = 0.65  # of a border that is print on one surface
MIN_CONTACT = 4  # edges between two parts that touch
BRIDGES = 7  # nearest pairs of points between two parts that are looked at
SEE_THROUGH_M = 0.01


def cluster(voxels: PointSet, sight: Sight, config: ClusteringConfig) -> np.ndarray:
    """A label per voxel, 0 upward, or NOT_AN_OBJECT for noise. Shape (N,)."""
    if not len(voxels):
        return np.zeros(0, int)
    cell_of_voxel = voxel_of(voxels.points_m, config.cell_m)
    return divide(fused(voxels, cell_of_voxel), sight, config)[cell_of_voxel]


def divide(cells: PointSet, sight: Sight, config: ClusteringConfig) -> np.ndarray:
    """A label per cell, 0 upward, or NOT_AN_OBJECT for noise. Shape (M,)."""
    points = cells.points_m.astype(float)
    graph = CellGraph(points, sight.eyes(cells.colored), config.reach_m)
    crease = graph.creases(config.concave_rad)
    if (cells.colored > COLORED).any():
        colors = cell_colors(cells, config)
        labels = painted_segments(graph, colors, crease, config.min_cells)
        labels = join_painted(graph, labels, colors, sight, config.paint_gap_m)
        flat = graph.flat_borders(labels, FLAT_SHARE)
        labels = joined_labels(labels, flat)
    else:
        labels = components(graph.pairs[~crease], len(graph))
    labels = join_small(labels, graph.pairs, config.min_segment_cells)
    return drop_noise(labels, config.min_cells)


def cell_colors(cells: PointSet, config: ClusteringConfig) -> np.ndarray:
    """The colour class of each cell, or UNKNOWN_COLOR where only the LiDAR saw it. Shape (M,)."""
    seen = cells.colored > COLORED
    colors = np.full(len(cells), UNKNOWN_COLOR)
    paint = shading_free(cells.colors[seen])
    colors[seen] = color_classes(paint, config.chroma_radius, config.min_cells)
    return colors


def painted_segments(
    graph: CellGraph, colors: np.ndarray, crease: np.ndarray, min_cells: int
) -> np.ndarray:
    """Connected cells of one paint, grown over cells of none; the rest by connection. (M,)."""
    n, pairs = len(graph), graph.pairs
    same = colors[pairs[:, 0]] == colors[pairs[:, 1]]
    labels = components(pairs[same], n)
    small = np.bincount(labels)[labels] < min_cells
    labels[small | (colors == UNKNOWN_COLOR)] = UNLABELLED
    labels = graph.spread(graph.spread(labels, pairs[~crease]), pairs)
    rest = labels == UNLABELLED
    alone = components(pairs[rest[pairs].all(axis=1)], n)
    return np.unique(np.where(rest, n + alone, labels), return_inverse=True)[1]


def join_painted(
    graph: CellGraph, labels: np.ndarray, colors: np.ndarray, sight: Sight, gap_m: float
) -> np.ndarray:
    """Join parts of one paint that touch, or come near with no clear view between them."""
    main = main_paints(labels, colors)
    parts = {label: graph.points[labels == label] for label in main}
    touching = graph.touching(labels, MIN_CONTACT)
    joins = [
        (one, other)
        for one in main
        for other in main
        if one < other
        and main[one] == main[other]
        and ((one, other) in touching or bridged(parts[one], parts[other], sight, gap_m))
    ]
    return joined_labels(labels, np.array(joins))


def main_paints(labels: np.ndarray, colors: np.ndarray) -> dict[int, int]:
    """The colour class that most of a segment's coloured cells have, per label that has one."""
    known = colors != UNKNOWN_COLOR
    found, votes = np.unique(
        np.stack([labels[known], colors[known]], axis=1), axis=0, return_counts=True
    )
    clear = votes > MAIN_PAINT * np.bincount(labels[known], minlength=1)[found[:, 0]]
    return {int(label): int(color) for label, color in found[clear]}


def bridged(one: np.ndarray, other: np.ndarray, sight: Sight, gap_m: float) -> bool:
    """Whether two parts (N, 3) come near each other with no clear view between them."""
    distance, index = cKDTree(other).query(one, distance_upper_bound=gap_m)
    nearest = np.argsort(distance, kind='stable')[:BRIDGES]
    nearest = nearest[np.isfinite(distance[nearest])]
    if not len(nearest):
        return False
    middle = 0.5 * (one[nearest] + other[index[nearest]])
    raised = middle.copy()  # a gap shows best just below the lower of the two tops
    raised[:, 2] = np.maximum(middle[:, 2], min(one[:, 2].max(), other[:, 2].max()) - 0.004)
    seen = sight.through(middle, SEE_THROUGH_M) | sight.through(raised, SEE_THROUGH_M)
    return float(seen.mean()) < 0.5


def join_small(labels: np.ndarray, pairs: np.ndarray, min_cells: int) -> np.ndarray:
    """Give each small segment to the larger one it shares the longest border with."""
    for _ in range(4):
        size = np.bincount(labels)
        a, b = labels[pairs].T
        small, other = np.concatenate([a, b]), np.concatenate([b, a])
        border = (small != other) & (size[small] < min_cells) & (size[other] >= size[small])
        if not border.any():
            break
        n = len(size)
        key, length = np.unique(small[border] * n + other[border], return_counts=True)
        order = np.argsort(length, kind='stable')
        target = np.arange(n)
        target[key[order] // n] = key[order] % n  # the longest border is written last
        labels = joined_labels(labels, np.stack([np.arange(n), target], axis=1))
    return labels


def drop_noise(labels: np.ndarray, min_cells: int) -> np.ndarray:
    """Relabel from 0 upward; clusters that are too small become noise."""
    kept = np.bincount(labels)[labels] >= min_cells
    out = np.full(len(labels), NOT_AN_OBJECT)
    _, out[kept] = np.unique(labels[kept], return_inverse=True)
    return out
