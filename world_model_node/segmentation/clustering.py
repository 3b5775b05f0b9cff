"""Divide fused points into objects: connected, of one paint, parted at creases where none is seen.

Local convexity after Stein et al., Object partitioning using local convexity, CVPR 2014. Colour
goes first where there is any: an object may well have inner corners, but rarely two neighbours
have one colour.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from world_model_node.config import ClusteringConfig
from world_model_node.fusion.chromaticity import UNKNOWN_COLOR, color_classes, to_chromaticity
from world_model_node.fusion.points import PointSet, fuse_groups, voxel_indices
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.segmentation.voxel_graph import (
    UNLABELLED,
    VoxelGraph,
    graph_components,
    merge_labels,
)

NOT_AN_OBJECT = UNLABELLED
DOMINANT_COLOR_SHARE = 0.6  # share of a segment's coloured coarse voxels
MIN_COLORED_SHARE = 0.2  # share of a coarse voxel's weight that came with colour
COPLANAR_SHARE = 0.65  # of a border that is print on one surface
MIN_CONTACT_EDGES = 4  # edges between two segments that touch
NUM_BRIDGES = 7  # nearest pairs of points between two segments that are looked at
FREE_SPACE_MARGIN_M = 0.01


def cluster(voxels: PointSet, visibility: VisibilityModel, config: ClusteringConfig) -> np.ndarray:
    """A label per voxel, 0 upward, or NOT_AN_OBJECT for noise. Shape (N,)."""
    if not len(voxels):
        return np.zeros(0, int)
    coarse_of_voxel = voxel_indices(voxels.points_m, config.coarse_voxel_m)
    return segment(fuse_groups(voxels, coarse_of_voxel), visibility, config)[coarse_of_voxel]


def segment(
    coarse_voxels: PointSet, visibility: VisibilityModel, config: ClusteringConfig
) -> np.ndarray:
    """A label per coarse voxel, 0 upward, or NOT_AN_OBJECT for noise. Shape (M,)."""
    points = coarse_voxels.points_m.astype(float)
    graph = VoxelGraph(
        points, visibility.viewpoints(coarse_voxels.colored), config.neighbor_radius_m
    )
    crease = graph.concave_edges(config.concave_rad)
    if (coarse_voxels.colored > MIN_COLORED_SHARE).any():
        colors = color_classes_of(coarse_voxels, config)
        labels = segment_by_color(graph, colors, crease, config.min_coarse_voxels)
        labels = merge_same_color(graph, labels, colors, visibility, config.same_color_gap_m)
        flat = graph.coplanar_borders(labels, COPLANAR_SHARE)
        labels = merge_labels(labels, flat)
    else:
        labels = graph_components(graph.pairs[~crease], len(graph))
    labels = merge_small_segments(labels, graph.pairs, config.min_segment_coarse_voxels)
    return remove_noise(labels, config.min_coarse_voxels)


def color_classes_of(coarse_voxels: PointSet, config: ClusteringConfig) -> np.ndarray:
    """The colour class of each cell, or UNKNOWN_COLOR where only the LiDAR saw it. Shape (M,)."""
    seen = coarse_voxels.colored > MIN_COLORED_SHARE
    colors = np.full(len(coarse_voxels), UNKNOWN_COLOR)
    chromaticities = to_chromaticity(coarse_voxels.colors[seen])
    colors[seen] = color_classes(chromaticities, config.chroma_radius, config.min_coarse_voxels)
    return colors


def segment_by_color(
    graph: VoxelGraph, colors: np.ndarray, crease: np.ndarray, min_coarse_voxels: int
) -> np.ndarray:
    """Connected cells of one paint, grown over cells of none; the rest by connection. (M,)."""
    n, pairs = len(graph), graph.pairs
    same = colors[pairs[:, 0]] == colors[pairs[:, 1]]
    labels = graph_components(pairs[same], n)
    small = np.bincount(labels)[labels] < min_coarse_voxels
    labels[small | (colors == UNKNOWN_COLOR)] = UNLABELLED
    labels = graph.grow_labels(graph.grow_labels(labels, pairs[~crease]), pairs)
    rest = labels == UNLABELLED
    alone = graph_components(pairs[rest[pairs].all(axis=1)], n)
    return np.unique(np.where(rest, n + alone, labels), return_inverse=True)[1]


def merge_same_color(
    graph: VoxelGraph,
    labels: np.ndarray,
    colors: np.ndarray,
    visibility: VisibilityModel,
    gap_m: float,
) -> np.ndarray:
    """Join segments of one colour that touch, or come near with no clear view between them."""
    main = dominant_colors(labels, colors)
    segments = {label: graph.points[labels == label] for label in main}
    adjacent_labels = graph.adjacent_labels(labels, MIN_CONTACT_EDGES)
    joins = [
        (one, other)
        for one in main
        for other in main
        if one < other
        and main[one] == main[other]
        and (
            (one, other) in adjacent_labels
            or is_bridged(segments[one], segments[other], visibility, gap_m)
        )
    ]
    return merge_labels(labels, np.array(joins))


def dominant_colors(labels: np.ndarray, colors: np.ndarray) -> dict[int, int]:
    """The colour class that most of a segment's coloured cells have, per label that has one."""
    known = colors != UNKNOWN_COLOR
    found, votes = np.unique(
        np.stack([labels[known], colors[known]], axis=1), axis=0, return_counts=True
    )
    clear = votes > DOMINANT_COLOR_SHARE * np.bincount(labels[known], minlength=1)[found[:, 0]]
    return {int(label): int(color) for label, color in found[clear]}


def is_bridged(
    one: np.ndarray, other: np.ndarray, visibility: VisibilityModel, gap_m: float
) -> bool:
    """Whether two segments (N, 3) come near each other with no clear view between them."""
    distance, index = cKDTree(other).query(one, distance_upper_bound=gap_m)
    nearest = np.argsort(distance, kind='stable')[:NUM_BRIDGES]
    nearest = nearest[np.isfinite(distance[nearest])]
    if not len(nearest):
        return False
    middle = 0.5 * (one[nearest] + other[index[nearest]])
    raised = middle.copy()  # a gap shows best just below the lower of the two tops
    raised[:, 2] = np.maximum(middle[:, 2], min(one[:, 2].max(), other[:, 2].max()) - 0.004)
    seen = visibility.free_space_mask(middle, FREE_SPACE_MARGIN_M) | visibility.free_space_mask(
        raised, FREE_SPACE_MARGIN_M
    )
    return float(seen.mean()) < 0.5


def merge_small_segments(
    labels: np.ndarray, pairs: np.ndarray, min_coarse_voxels: int
) -> np.ndarray:
    """Give each small segment to the larger one it shares the longest border with."""
    for _ in range(4):
        size = np.bincount(labels)
        a, b = labels[pairs].T
        small, other = np.concatenate([a, b]), np.concatenate([b, a])
        border = (
            (small != other) & (size[small] < min_coarse_voxels) & (size[other] >= size[small])
        )
        if not border.any():
            break
        n = len(size)
        key, length = np.unique(small[border] * n + other[border], return_counts=True)
        order = np.argsort(length, kind='stable')
        target = np.arange(n)
        target[key[order] // n] = key[order] % n  # the longest border is written last
        labels = merge_labels(labels, np.stack([np.arange(n), target], axis=1))
    return labels


def remove_noise(labels: np.ndarray, min_coarse_voxels: int) -> np.ndarray:
    """Relabel from 0 upward; clusters that are too small become noise."""
    kept = np.bincount(labels)[labels] >= min_coarse_voxels
    out = np.full(len(labels), NOT_AN_OBJECT)
    _, out[kept] = np.unique(labels[kept], return_inverse=True)
    return out
