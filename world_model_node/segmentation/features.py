"""The input of the segmentation network: features of supervoxels and of their pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.local_pca import UPPER_TRIANGLE, symmetric_eigenvalues
from world_model_node.fusion.support_plane import SupportPlane
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.segmentation.pair_features import pair_features
from world_model_node.segmentation.segmentation_config import PairFeatureConfig
from world_model_node.segmentation.supervoxels import (
    CoarseVoxels,
    group_means,
    mean_chromaticity,
)


@dataclass(frozen=True)
class SupervoxelGraph:
    """The features of M supervoxels and of their pairs."""

    nodes: np.ndarray  # (M, NODE_FEATURES) float32
    pairs: np.ndarray  # (PAIR_FEATURES, M, M) float32, symmetric
    centers_m: np.ndarray  # (M, 3)
    counts: np.ndarray  # (M,) coarse voxels of each

    def __len__(self) -> int:
        return len(self.nodes)


def supervoxel_graph(
    coarse_voxels: CoarseVoxels,
    supervoxel: np.ndarray,
    visibility: VisibilityModel,
    plane: SupportPlane,
    config: PairFeatureConfig,
) -> SupervoxelGraph:
    """Compute the features of the supervoxels (N,) of coarse voxels."""
    counts = np.bincount(supervoxel)
    centers = group_means(coarse_voxels.points_m, supervoxel, len(counts))
    normals = group_means(coarse_voxels.normals, supervoxel, len(counts))
    nodes = node_features(coarse_voxels, supervoxel, centers, normals, plane)
    pairs = pair_features(coarse_voxels, supervoxel, centers, normals, visibility, config)
    return SupervoxelGraph(nodes, pairs, centers, counts)


def node_features(
    coarse_voxels: CoarseVoxels,
    supervoxel: np.ndarray,
    centers: np.ndarray,
    normals: np.ndarray,
    plane: SupportPlane,
) -> np.ndarray:
    """Compute position, shape, colour and noise of each supervoxel. (M, NODE_FEATURES) float32."""
    heights = plane.height_of(coarse_voxels.points_m)
    m = len(centers)
    low, high = group_extremes(heights, supervoxel, m)
    towards = group_means(
        unit_vectors(coarse_voxels.viewpoints_m - coarse_voxels.points_m), supervoxel, m
    )
    off = coarse_voxels.points_m - centers[supervoxel]
    i, j = UPPER_TRIANGLE
    spread = np.sqrt(
        np.maximum(symmetric_eigenvalues(group_means(off[:, i] * off[:, j], supervoxel, m)), 0.0)
    )
    chromaticities, colored = mean_chromaticity(coarse_voxels, supervoxel, m)
    unlike = (
        coarse_voxels.chromaticities - chromaticities[supervoxel]
    ) ** 2 * coarse_voxels.colored[:, None]
    chromaticity_spread = group_means(unlike, supervoxel, m).sum(axis=1)
    columns = [
        (centers[:, :2] - centers[:, :2].mean(axis=0)) / 0.1,  # 0, 1
        np.stack([plane.height_of(centers), low, high], axis=1) / 0.1,  # 2-4
        normals,  # 5-7
        towards,  # 8-10
        np.linalg.norm(normals, axis=1, keepdims=True),  # 11
        spread / 0.01,  # 12-14
        chromaticities / 30.0,  # 15-17
        np.stack([colored, np.sqrt(chromaticity_spread) / 10.0], axis=1),  # 18, 19
        np.log(np.bincount(supervoxel))[:, None] / 3.0,  # 20
        group_means(coarse_voxels.sigma_m[:, None].astype(float), supervoxel, m) / 0.004,  # 21
    ]
    return np.hstack(columns).astype(np.float32)


@compiled
def group_extremes(
    values: np.ndarray, supervoxel: np.ndarray, m: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the smallest and largest value (N,) of each of `m` supervoxels. (M,) each."""
    low, high = np.full(m, np.inf), np.full(m, -np.inf)
    for n in range(len(values)):
        p = supervoxel[n]
        low[p], high[p] = min(low[p], values[n]), max(high[p], values[n])
    return low, high


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Normalize vectors (N, 3); zero vectors stay zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
