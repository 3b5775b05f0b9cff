"""Clustering divides fused points into objects at gaps, changes of colour and concave creases.

Local convexity follows Stein et al., Object partitioning using local convexity, CVPR 2014. Colour
takes precedence over creases, because objects may be concave but neighbours rarely share a colour.
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


def cluster(voxels: PointSet, visibility: VisibilityModel, config: ClusteringConfig) -> np.ndarray:
    """Return a label per voxel, 0 upward, or UNLABELLED for noise. Shape (N,)."""
    if not len(voxels):
        return np.zeros(0, int)
    coarse_of_voxel = voxel_indices(voxels.points_m, config.coarse_voxel_m)
    return segment(fuse_groups(voxels, coarse_of_voxel), visibility, config)[coarse_of_voxel]


def segment(
    coarse_voxels: PointSet, visibility: VisibilityModel, config: ClusteringConfig
) -> np.ndarray:
    """Return a label per coarse voxel, 0 upward, or UNLABELLED for noise. Shape (M,)."""
    points = coarse_voxels.points_m.astype(float)
    graph = VoxelGraph(points, visibility.viewpoints(coarse_voxels.colored), config)
    crease = graph.concave_edges()
    if (coarse_voxels.colored > config.min_colored_share).any():
        colors = color_classes_of(coarse_voxels, config)
        labels = segment_by_color(graph, colors, crease, config.min_coarse_voxels)
        labels = merge_same_color(graph, labels, colors, visibility, config)
        labels = merge_labels(labels, graph.coplanar_borders(labels))
    else:
        labels = graph_components(graph.pairs[~crease], len(graph))
    labels = merge_small_segments(labels, graph.pairs, config.min_segment_coarse_voxels)
    return remove_noise(labels, config.min_coarse_voxels)


def color_classes_of(coarse_voxels: PointSet, config: ClusteringConfig) -> np.ndarray:
    """Return the colour class of each coarse voxel, or UNKNOWN_COLOR without colour. (M,)."""
    seen = coarse_voxels.colored > config.min_colored_share
    colors = np.full(len(coarse_voxels), UNKNOWN_COLOR)
    chromaticities = to_chromaticity(coarse_voxels.colors[seen])
    colors[seen] = color_classes(
        chromaticities, config.chroma_radius, config.chroma_bin, config.min_coarse_voxels
    )
    return colors


def segment_by_color(
    graph: VoxelGraph, colors: np.ndarray, crease: np.ndarray, min_coarse_voxels: int
) -> np.ndarray:
    """Label connected coarse voxels of one colour, grown over those without colour. (M,)."""
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
    config: ClusteringConfig,
) -> np.ndarray:
    """Merge segments of one colour in contact, or with a gap that shows no free space."""
    main = dominant_colors(labels, colors, config.dominant_color_share)
    segments = {label: graph.points[labels == label] for label in main}
    adjacent_labels = graph.adjacent_labels(labels)
    joins = [
        (one, other)
        for one in main
        for other in main
        if one < other
        and main[one] == main[other]
        and (
            (one, other) in adjacent_labels
            or is_bridged(segments[one], segments[other], visibility, config)
        )
    ]
    return merge_labels(labels, np.array(joins))


def dominant_colors(labels: np.ndarray, colors: np.ndarray, share: float) -> dict[int, int]:
    """Return the colour class that holds the share of a segment, per label that has one."""
    known = colors != UNKNOWN_COLOR
    found, votes = np.unique(
        np.stack([labels[known], colors[known]], axis=1), axis=0, return_counts=True
    )
    clear = votes > share * np.bincount(labels[known], minlength=1)[found[:, 0]]
    return {int(label): int(color) for label, color in found[clear]}


def is_bridged(
    one: np.ndarray, other: np.ndarray, visibility: VisibilityModel, config: ClusteringConfig
) -> bool:
    """Return whether two segments (N, 3) are near without visible free space in their gap."""
    distance, index = cKDTree(other).query(one, distance_upper_bound=config.same_color_gap_m)
    nearest = np.argsort(distance, kind='stable')[: config.num_bridges]
    nearest = nearest[np.isfinite(distance[nearest])]
    if not len(nearest):
        return False
    middle = 0.5 * (one[nearest] + other[index[nearest]])
    raised = middle.copy()  # free space shows best just below the lower top
    raised[:, 2] = np.maximum(middle[:, 2], min(one[:, 2].max(), other[:, 2].max()) - 0.004)
    margin_m = config.free_space_margin_m
    free = visibility.free_space_mask(middle, margin_m)
    free |= visibility.free_space_mask(raised, margin_m)
    return float(free.mean()) < 0.5


def merge_small_segments(
    labels: np.ndarray, pairs: np.ndarray, min_coarse_voxels: int
) -> np.ndarray:
    """Merge each small segment with the larger one of the longest common border."""
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
        target[key[order] // n] = key[order] % n  # the longest border is assigned last
        labels = merge_labels(labels, np.stack([np.arange(n), target], axis=1))
    return labels


def remove_noise(labels: np.ndarray, min_coarse_voxels: int) -> np.ndarray:
    """Relabel from 0 upward; clusters that are too small become UNLABELLED."""
    kept = np.bincount(labels)[labels] >= min_coarse_voxels
    out = np.full(len(labels), UNLABELLED)
    _, out[kept] = np.unique(labels[kept], return_inverse=True)
    return out
