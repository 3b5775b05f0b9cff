"""Coarse voxels of a fused cloud, their neighbours, and what runs between them."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from world_model_node.fusion.local_pca import local_pca

UNLABELLED = -1
MAX_RINGS = 40
NORMAL_RADIUS_RATIO = 1.5  # normals are of a plane through this many reaches
MAX_PLANAR_RATIO = 0.15  # of the middle eigenvalue
COPLANAR_COSINE, COPLANAR_STEP_M = 0.985, 0.002
MIN_BORDER_RATIO = 7.0  # edges per square root of the smaller segment's coarse voxels


class VoxelGraph:
    """Points (N, 3) with edges to those within reach."""

    def __init__(
        self, points: np.ndarray, viewpoints: np.ndarray, neighbor_radius_m: float
    ) -> None:
        """Link the points and find their surface normals, which face the `viewpoints` (N, 3)."""
        self.points = points
        wide = cKDTree(points).query_pairs(
            NORMAL_RADIUS_RATIO * neighbor_radius_m, output_type='ndarray'
        )
        gap = points[wide[:, 0]] - points[wide[:, 1]]
        squared = np.einsum('ij,ij->i', gap, gap)
        self.pairs = wide[squared < neighbor_radius_m**2]  # (E, 2)
        normals, _, grow_labels, count = local_pca(points, wide)
        away = np.einsum('ij,ij->i', normals, viewpoints - points) < 0.0
        self.normals = normals * np.where(away, -1.0, 1.0)[:, None]  # (N, 3)
        self.planar = (grow_labels[:, 0] < MAX_PLANAR_RATIO * grow_labels[:, 1]) & (
            count >= 6
        )  # (N,)

    def __len__(self) -> int:
        return len(self.points)

    def concave_edges(self, concave_rad: float) -> np.ndarray:
        """Which edges lie across a concave crease sharper than the limit. Shape (E,)."""
        a, b = self.pairs.T
        n_a, n_b = self.normals[a], self.normals[b]
        opening = np.einsum('ij,ij->i', n_a - n_b, self.points[a] - self.points[b])
        cosine = np.einsum('ij,ij->i', n_a, n_b)
        trusted = self.planar[a] & self.planar[b]
        return (opening < 0.0) & (cosine < np.cos(concave_rad)) & trusted

    def adjacent_labels(self, labels: np.ndarray, min_edges: int) -> set[tuple[int, int]]:
        """Pairs of labels, the smaller one first, with at least so many edges between them."""
        ends = np.sort(labels[self.pairs], axis=1)
        ends = ends[ends[:, 0] != ends[:, 1]]
        found, edges = np.unique(ends, axis=0, return_counts=True)
        return {(int(a), int(b)) for a, b in found[edges >= min_edges]}

    def coplanar_borders(self, labels: np.ndarray, share: float) -> np.ndarray:
        """Pairs (K, 2) of labels whose long common border mostly runs across flat surface."""
        border = labels[self.pairs[:, 0]] != labels[self.pairs[:, 1]]
        a, b = self.pairs[border].T
        n_a, n_b, gap = self.normals[a], self.normals[b], self.points[a] - self.points[b]
        level = np.abs(np.einsum('ij,ij->i', n_a, gap)) < COPLANAR_STEP_M
        flat = level & (np.einsum('ij,ij->i', n_a, n_b) > COPLANAR_COSINE)
        flat &= self.planar[a] & self.planar[b]
        size = np.bincount(labels)
        low, high = np.minimum(labels[a], labels[b]), np.maximum(labels[a], labels[b])
        key, index, length = np.unique(
            low * len(size) + high, return_inverse=True, return_counts=True
        )
        low, high = key // len(size), key % len(size)
        long = length > MIN_BORDER_RATIO * np.sqrt(np.minimum(size[low], size[high]))
        one = long & (np.bincount(index, flat, len(key)) > share * length)
        return np.stack([low[one], high[one]], axis=1)

    def grow_labels(self, labels: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Labels grown ring by ring, along some of the edges, over UNLABELLED coarse voxels."""
        labels = labels.copy()
        base = int(labels.max(initial=0)) + 1
        both = np.concatenate([edges, edges[:, ::-1]])
        for _ in range(MAX_RINGS):
            ring = (labels[both[:, 0]] == UNLABELLED) & (labels[both[:, 1]] != UNLABELLED)
            if not ring.any():
                break
            cell, label = both[ring, 0], labels[both[ring, 1]]
            key, votes = np.unique(cell * np.int64(base) + label, return_counts=True)
            order = np.argsort(votes, kind='stable')
            labels[key[order] // base] = key[order] % base  # the most votes are written last
        return labels


def graph_components(pairs: np.ndarray, n: int) -> np.ndarray:
    """A label per node of the graph that the pairs (E, 2) span. Shape (n,)."""
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n, n))
    return connected_components(graph, directed=False)[1]


def merge_labels(labels: np.ndarray, joins: np.ndarray) -> np.ndarray:
    """Labels after each of the pairs (K, 2) of labels became one."""
    if not len(joins):
        return labels
    return graph_components(np.asarray(joins), int(labels.max()) + 1)[labels]
