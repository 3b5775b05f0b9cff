"""The neighbourhood graph of coarse voxels, with its creases and borders."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from world_model_node.config import ClusteringConfig
from world_model_node.fusion.local_pca import local_pca

UNLABELLED = -1  # the label of voxels of no object


class VoxelGraph:
    """Points (N, 3) with edges to their neighbours."""

    def __init__(
        self, points: np.ndarray, viewpoints: np.ndarray, config: ClusteringConfig
    ) -> None:
        """Link the points and compute their normals, which face the `viewpoints` (N, 3)."""
        self.points, self.config = points, config
        wide = cKDTree(points).query_pairs(
            config.normal_radius_ratio * config.neighbor_radius_m, output_type='ndarray'
        )
        gap = points[wide[:, 0]] - points[wide[:, 1]]
        squared = np.einsum('ij,ij->i', gap, gap)
        self.pairs = wide[squared < config.neighbor_radius_m**2]  # (E, 2)
        normals, _, eigenvalues, count = local_pca(points, wide)
        away = np.einsum('ij,ij->i', normals, viewpoints - points) < 0.0
        self.normals = normals * np.where(away, -1.0, 1.0)[:, None]  # (N, 3)
        flat = eigenvalues[:, 0] < config.max_planar_ratio * eigenvalues[:, 1]
        self.planar = flat & (count >= 6)  # (N,)

    def __len__(self) -> int:
        return len(self.points)

    def concave_edges(self) -> np.ndarray:
        """Return the mask (E,) of the edges across a sharp concave crease."""
        a, b = self.pairs.T
        n_a, n_b = self.normals[a], self.normals[b]
        opening = np.einsum('ij,ij->i', n_a - n_b, self.points[a] - self.points[b])
        cosine = np.einsum('ij,ij->i', n_a, n_b)
        trusted = self.planar[a] & self.planar[b]
        return (opening < 0.0) & (cosine < np.cos(self.config.concave_rad)) & trusted

    def adjacent_labels(self, labels: np.ndarray) -> set[tuple[int, int]]:
        """Return the pairs of labels, smaller first, that are in contact."""
        ends = np.sort(labels[self.pairs], axis=1)
        ends = ends[ends[:, 0] != ends[:, 1]]
        found, edges = np.unique(ends, axis=0, return_counts=True)
        return {(int(a), int(b)) for a, b in found[edges >= self.config.min_contact_edges]}

    def coplanar_borders(self, labels: np.ndarray) -> np.ndarray:
        """Return pairs (K, 2) of labels whose long border lies mostly within one plane."""
        c = self.config
        border = labels[self.pairs[:, 0]] != labels[self.pairs[:, 1]]
        a, b = self.pairs[border].T
        n_a, n_b, gap = self.normals[a], self.normals[b], self.points[a] - self.points[b]
        level = np.abs(np.einsum('ij,ij->i', n_a, gap)) < c.coplanar_step_m
        flat = level & (np.einsum('ij,ij->i', n_a, n_b) > c.coplanar_cosine)
        flat &= self.planar[a] & self.planar[b]
        size = np.bincount(labels)
        low, high = np.minimum(labels[a], labels[b]), np.maximum(labels[a], labels[b])
        key, index, length = np.unique(
            low * len(size) + high, return_inverse=True, return_counts=True
        )
        low, high = key // len(size), key % len(size)
        long = length > c.min_border_ratio * np.sqrt(np.minimum(size[low], size[high]))
        one = long & (np.bincount(index, flat, len(key)) > c.coplanar_share * length)
        return np.stack([low[one], high[one]], axis=1)

    def grow_labels(self, labels: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Grow labels ring by ring along the given edges over UNLABELLED coarse voxels."""
        labels = labels.copy()
        base = int(labels.max(initial=0)) + 1
        both = np.concatenate([edges, edges[:, ::-1]])
        for _ in range(self.config.max_rings):
            ring = (labels[both[:, 0]] == UNLABELLED) & (labels[both[:, 1]] != UNLABELLED)
            if not ring.any():
                break
            cell, label = both[ring, 0], labels[both[ring, 1]]
            key, votes = np.unique(cell * np.int64(base) + label, return_counts=True)
            order = np.argsort(votes, kind='stable')
            labels[key[order] // base] = (
                key[order] % base
            )  # the label of most votes is assigned last
        return labels


def graph_components(pairs: np.ndarray, n: int) -> np.ndarray:
    """Return the connected component of each node of the graph of pairs (E, 2). Shape (n,)."""
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (n, n))
    return connected_components(graph, directed=False)[1]


def merge_labels(labels: np.ndarray, joins: np.ndarray) -> np.ndarray:
    """Merge each of the pairs (K, 2) of labels into one label."""
    if not len(joins):
        return labels
    return graph_components(np.asarray(joins), int(labels.max()) + 1)[labels]
