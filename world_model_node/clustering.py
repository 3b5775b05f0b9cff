"""Divide fused points into objects: connected, convex and of one colour.

Local convexity after Stein et al., Object partitioning using local convexity, CVPR 2014, on cells
rather than supervoxels; a step of chroma divides like a crease does. Small segments then join
the neighbour they share most of their border with.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from world_model_node.appearance import UNKNOWN_COLOR, color_classes, shading_free
from world_model_node.config import ClusteringConfig
from world_model_node.local_planes import local_planes
from world_model_node.points import PointSet, fused, voxel_of

NOT_AN_OBJECT = -1
MAX_RINGS = 40
MAIN_PAINT = 0.6  # share of a segment's coloured cells
FLAT_COSINE, FLAT_STEP_M, FLAT_SHARE, MIN_BORDER = 0.985, 0.002, 0.7, 12
NORMAL_REACH = 1.5  # normals and colours are of a plane through this many reaches


def cluster(voxels: PointSet, config: ClusteringConfig) -> np.ndarray:
    """A label per voxel, 0 upward, or NOT_AN_OBJECT for noise. Shape (N,)."""
    if not len(voxels):
        return np.zeros(0, int)
    cell_of_voxel = voxel_of(voxels.points_m, config.cell_m)
    cells = fused(voxels, cell_of_voxel)
    return divide(cells, config)[cell_of_voxel]


def divide(cells: PointSet, config: ClusteringConfig) -> np.ndarray:
    """A label per cell, 0 upward, or NOT_AN_OBJECT for noise. Shape (M,)."""
    n = len(cells)
    points = cells.points_m.astype(float)
    pairs, wide = neighbour_pairs(points, config.reach_m)
    normals, planar = surface_normals(points, wide)
    crease = creases(points, normals, planar, pairs, config.concave_rad)
    colors = cell_colors(cells, config)
    a, b = colors[pairs].T
    has_color = bool(cells.colored.any())
    painted = (a == b) & (a != UNKNOWN_COLOR) & has_color
    crease &= ~painted  # one paint across a crease is one object of that form
    labels = components(pairs[~crease & (a == b)], n)
    size = np.bincount(labels)[labels]
    labels[(size < config.min_cells) | (colors == UNKNOWN_COLOR)] = NOT_AN_OBJECT
    labels = spread(spread(labels, pairs[~crease]), pairs)
    labels = name_rest(labels, pairs)
    labels = join_painted(labels, points, colors, config.paint_gap_m) if has_color else labels
    labels = join_printed(labels, points, normals, planar, pairs)
    labels = join_small(labels, pairs, config.min_segment_cells)
    return drop_noise(labels, config.min_cells)


def cell_colors(cells: PointSet, config: ClusteringConfig) -> np.ndarray:
    """The colour class of each cell; cells that only the LiDAR saw have none, or one of their own.

    Without any colour at all every cell is of the same class, and shape alone divides.
    """
    seen = cells.colored > 0.2
    colors = np.full(len(cells), UNKNOWN_COLOR)
    if not seen.any():
        return np.zeros(len(cells), int)
    paint = shading_free(cells.colors[seen])
    colors[seen] = color_classes(paint, config.chroma_radius, config.min_cells)
    return colors


def spread(labels: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Let labels grow over the cells without one that they reach, ring by ring."""
    labels = labels.copy()
    base = int(labels.max(initial=0)) + 1
    both = np.concatenate([pairs, pairs[:, ::-1]])
    for _ in range(MAX_RINGS):
        ring = (labels[both[:, 0]] == NOT_AN_OBJECT) & (labels[both[:, 1]] != NOT_AN_OBJECT)
        if not ring.any():
            break
        cell, label = both[ring, 0], labels[both[ring, 1]]
        key, votes = np.unique(cell * np.int64(base) + label, return_counts=True)
        order = np.argsort(votes, kind='stable')
        labels[key[order] // base] = key[order] % base  # the most votes are written last
    return labels


def name_rest(labels: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Cells that no label reached become segments by connection alone."""
    n = len(labels)
    rest = labels == NOT_AN_OBJECT
    alone = components(pairs[rest[pairs].all(axis=1)], n)
    return np.unique(np.where(rest, n + alone, labels), return_inverse=True)[1]


def join_painted(
    labels: np.ndarray, points: np.ndarray, colors: np.ndarray, gap_m: float
) -> np.ndarray:
    """Join segments of one paint with little space between: a shadow or something thin there."""
    known = colors != UNKNOWN_COLOR
    found, votes = np.unique(
        np.stack([labels[known], colors[known]], axis=1), axis=0, return_counts=True
    )
    found = found[votes > MAIN_PAINT * np.bincount(labels[known])[found[:, 0]]]
    trees: dict[int, cKDTree] = {}
    joins = []
    for i, (one, color) in enumerate(found):
        for other, same in found[i + 1 :]:
            if color != same or one == other:
                continue
            for label in (one, other):
                if label not in trees:
                    trees[label] = cKDTree(points[labels == label])
            if np.isfinite(nearest_gap(trees[one], trees[other], gap_m)):
                joins.append((one, other))
    if not joins:
        return labels
    return components(np.array(joins), int(labels.max()) + 1)[labels]


def nearest_gap(one: cKDTree, other: cKDTree, limit_m: float) -> float:
    """The smallest distance [m] between two sets of points, or inf beyond the limit."""
    small, large = (one, other) if one.n < other.n else (other, one)
    return float(large.query(small.data, distance_upper_bound=limit_m)[0].min())


def join_printed(
    labels: np.ndarray,
    points: np.ndarray,
    normals: np.ndarray,
    planar: np.ndarray,
    pairs: np.ndarray,
) -> np.ndarray:
    """Join segments whose common border is flat: print on one surface, not two objects."""
    a, b = pairs.T
    border = labels[a] != labels[b]
    if not border.any():
        return labels
    a, b = a[border], b[border]
    n = int(labels.max()) + 1
    step = np.abs(np.einsum('ij,ij->i', normals[a], points[a] - points[b]))
    along = np.einsum('ij,ij->i', normals[a], normals[b])
    flat = planar[a] & planar[b] & (along > FLAT_COSINE) & (step < FLAT_STEP_M)
    low, high = np.minimum(labels[a], labels[b]), np.maximum(labels[a], labels[b])
    key, index, length = np.unique(low * n + high, return_inverse=True, return_counts=True)
    share = np.bincount(index, flat) / length
    same = (share > FLAT_SHARE) & (length >= MIN_BORDER)
    return components(np.stack([key[same] // n, key[same] % n], axis=1), n)[labels]


def neighbour_pairs(points: np.ndarray, reach_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Index pairs (E, 2) nearer than the reach, and those nearer than the smoothing radius."""
    wide = cKDTree(points).query_pairs(NORMAL_REACH * reach_m, output_type='ndarray')
    gap = points[wide[:, 0]] - points[wide[:, 1]]
    near = np.einsum('ij,ij->i', gap, gap) < reach_m**2
    return wide[near], wide


def surface_normals(points: np.ndarray, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outward unit normals (N, 3) of local planes, and where they can be trusted (N,)."""
    normals, mean, spread_of, count = local_planes(points, pairs)
    outward = _outward(normals, points - mean)
    normals = normals * np.where(outward < 0.0, -1.0, 1.0)[:, None]
    return normals, (spread_of[:, 0] < 0.15 * spread_of[:, 1]) & (count >= 6)


def _outward(normals: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """A score whose sign orients normals: up where they are not level, else out of the bulk."""
    level = np.abs(normals[:, 2]) < 0.1
    return np.where(level, np.einsum('ij,ij->i', normals, offset), normals[:, 2])


def creases(
    points: np.ndarray,
    normals: np.ndarray,
    planar: np.ndarray,
    pairs: np.ndarray,
    concave_rad: float,
) -> np.ndarray:
    """Which pairs lie across a concave crease sharper than the limit. Shape (E,)."""
    a, b = pairs.T
    d = points[a] - points[b]
    d /= np.maximum(np.linalg.norm(d, axis=1, keepdims=True), 1e-9)
    opening = np.einsum('ij,ij->i', normals[a] - normals[b], d)
    turn = np.arccos(np.clip(np.einsum('ij,ij->i', normals[a], normals[b]), -1.0, 1.0))
    return (opening < 0.0) & (turn > concave_rad) & (planar[a] & planar[b])


def join_small(labels: np.ndarray, pairs: np.ndarray, min_cells: int) -> np.ndarray:
    """Give each small segment to the larger one it shares the longest border with."""
    labels = labels.copy()
    for _ in range(4):
        size = np.bincount(labels)
        a, b = labels[pairs].T
        small, other = np.concatenate([a, b]), np.concatenate([b, a])
        border = (small != other) & (size[small] < min_cells) & (size[other] >= size[small])
        if not border.any():
            break
        key, length = np.unique(small[border] * len(size) + other[border], return_counts=True)
        order = np.argsort(length, kind='stable')
        target = np.arange(len(size))
        target[key[order] // len(size)] = key[order] % len(size)
        labels = _settled(target)[labels]
    return labels


def _settled(target: np.ndarray) -> np.ndarray:
    """The final label of each label: those linked by joins, directly or in a chain, become one."""
    n = len(target)
    return components(np.stack([np.arange(n), target], axis=1), n)


def drop_noise(labels: np.ndarray, min_cells: int) -> np.ndarray:
    """Relabel from 0 upward in order of first voxel; clusters that are too small become noise."""
    size = np.bincount(labels)
    kept = size[labels] >= min_cells
    out = np.full(len(labels), NOT_AN_OBJECT)
    _, out[kept] = np.unique(labels[kept], return_inverse=True)
    return out


def components(pairs: np.ndarray, n: int) -> np.ndarray:
    """A label per node of the graph that the pairs span. Shape (n,)."""
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n, n))
    return connected_components(graph, directed=False)[1]
