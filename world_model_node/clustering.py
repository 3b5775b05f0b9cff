"""Divide fused points into objects: connected, convex and of one colour.

Local convexity after Stein et al., Object partitioning using local convexity, CVPR 2014, on cells
rather than supervoxels; a step of chroma divides like a crease does. Small segments then join
the neighbour they share most of their border with.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from world_model_node.config import ClusteringConfig
from world_model_node.points import PointSet, fused, voxel_of

NOT_AN_OBJECT = -1
NORMAL_REACH = 1.5  # normals and colours are smoothed over this many reaches


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
    smooth = smoothing_matrix(wide, n)
    normals, planar = surface_normals(points, smooth)
    cut = creases(points, normals, planar, pairs, config.concave_rad)
    cut |= colour_steps(cells, smooth, pairs, config.chroma_step)
    labels = join_small(components(pairs[~cut], n), pairs, config.min_segment_cells)
    return drop_noise(labels, config.min_cells)


def neighbour_pairs(points: np.ndarray, reach_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Index pairs (E, 2) nearer than the reach, and those nearer than the smoothing radius."""
    wide = cKDTree(points).query_pairs(NORMAL_REACH * reach_m, output_type='ndarray')
    gap = points[wide[:, 0]] - points[wide[:, 1]]
    near = np.einsum('ij,ij->i', gap, gap) < reach_m**2
    return wide[near], wide


def smoothing_matrix(pairs: np.ndarray, n: int) -> csr_matrix:
    """The (N, N) adjacency of the pairs with self loops."""
    own = np.arange(n)
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], own])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], own])
    return coo_matrix((np.ones(len(rows)), (rows, columns)), (n, n)).tocsr()


def surface_normals(points: np.ndarray, smooth: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Outward unit normals (N, 3) of local planes, and where they can be trusted (N,)."""
    p = points - points.mean(axis=0)
    i, j = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 1, 2, 1, 2, 2])
    count = np.asarray(smooth.sum(axis=1)).ravel()
    moments = smooth @ np.hstack([p, p[:, i] * p[:, j]]) / count[:, None]
    mean, second = moments[:, :3], moments[:, 3:]
    covariance = np.empty((len(p), 3, 3))
    covariance[:, i, j] = covariance[:, j, i] = second - mean[:, i] * mean[:, j]
    values, vectors = np.linalg.eigh(covariance)
    normals = vectors[:, :, 0]
    normals *= np.where(_outward(normals, p - mean) < 0.0, -1.0, 1.0)[:, None]
    planar = (values[:, 0] < 0.15 * values[:, 1]) & (count >= 6)
    return normals, planar


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


def colour_steps(
    cells: PointSet, smooth: csr_matrix, pairs: np.ndarray, chroma_step: float
) -> np.ndarray:
    """Which pairs differ by more than the limit in smoothed Lab chroma. Shape (E,)."""
    weight = np.asarray(smooth @ cells.colored.astype(float))
    chroma = smooth @ (lab_chroma(cells.colors) * cells.colored[:, None])
    chroma = chroma / np.maximum(weight, 1e-6)[:, None]
    a, b = pairs.T
    known = (weight[a] > 0.5) & (weight[b] > 0.5)
    return known & (np.linalg.norm(chroma[a] - chroma[b], axis=1) > chroma_step)


def lab_chroma(colors: np.ndarray) -> np.ndarray:
    """The a and b of CIE Lab, from RGB in [0, 255]. Shape (N, 2)."""
    linear = (colors.astype(float) / 255.0) ** 2.2
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = np.cbrt(linear @ to_xyz.T / np.array([0.9505, 1.0, 1.089]))
    return np.stack([500.0 * (xyz[:, 0] - xyz[:, 1]), 200.0 * (xyz[:, 1] - xyz[:, 2])], axis=1)


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
