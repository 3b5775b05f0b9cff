"""Fused voxels are divided into small supervoxels that do not cross edges of colour or shape.

The method follows Papon et al., Voxel cloud connectivity segmentation, CVPR 2013: each coarse
voxel joins the nearest of the seeds on a grid in position, normal and colour, and the seeds move
to the means of their members.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.chromaticity import to_chromaticity
from world_model_node.fusion.local_pca import local_normals
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.points import PointSet, fuse_groups, unique_inverse, voxel_indices
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.segmentation.segmentation_config import SupervoxelConfig


@dataclass(frozen=True)
class CoarseVoxels:
    """Coarse voxels with their local shape, one row per coarse voxel."""

    points_m: np.ndarray  # (N, 3) float64
    normals: np.ndarray  # (N, 3) oriented towards the sensor
    viewpoints_m: np.ndarray  # (N, 3) viewpoint of each
    chromaticities: np.ndarray  # (N, 3) 0 if unknown
    colored: np.ndarray  # (N,) in [0, 1]
    sigma_m: np.ndarray  # (N,)
    neighbors: np.ndarray  # (N, K) indices of other coarse voxels, nearest first
    neighbor_distances_m: np.ndarray  # (N, K) distances of the neighbours

    def __len__(self) -> int:
        return len(self.points_m)


def make_coarse_voxels(
    voxels: PointSet,
    coarse_of_voxel: np.ndarray,
    visibility: VisibilityModel,
    config: SupervoxelConfig,
) -> CoarseVoxels:
    """Fuse voxels into coarse voxels, of which there must be more than neighbours.

    Args:
        voxels: the fused voxels.
        coarse_of_voxel: the coarse voxel of each voxel (N,).
        visibility: the view that gives the viewpoints.
        config: the number of neighbours.
    """
    coarse_voxels = fuse_groups(voxels, coarse_of_voxel)
    points = coarse_voxels.points_m.astype(float)
    gaps, index = PointGrid(points, config.grid_box_m).k_nearest(points, config.num_neighbors + 1)
    viewpoints = visibility.viewpoints(coarse_voxels.colored)
    normals = orient_normals(local_normals(points, index), viewpoints - points)
    known = coarse_voxels.colored > 0.0
    chromaticities = np.where(known[:, None], to_chromaticity(coarse_voxels.colors), 0.0)
    return CoarseVoxels(
        points,
        normals,
        viewpoints,
        chromaticities,
        coarse_voxels.colored,
        coarse_voxels.sigma_m,
        index[:, 1:],
        gaps[:, 1:],
    )


def orient_normals(normals: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Orient normals (N, 3) to the side of the vectors `towards` (N, 3)."""
    away = np.einsum('ij,ij->i', normals, towards) < 0.0
    return np.where(away[:, None], -normals, normals)


def oversegment(coarse_voxels: CoarseVoxels, config: SupervoxelConfig) -> np.ndarray:
    """Return the supervoxel of each coarse voxel, 0 upward and none empty. Shape (N,)."""
    edge = config.seed_m
    supervoxel = voxel_indices(coarse_voxels.points_m, edge)
    while supervoxel.max() >= config.max_supervoxels:
        edge *= 1.1
        supervoxel = voxel_indices(coarse_voxels.points_m, edge)
    features = np.hstack(
        [
            coarse_voxels.points_m / config.position_scale_m,
            coarse_voxels.normals / config.normal_scale,
            coarse_voxels.chromaticities / config.chromaticity_scale,
        ]
    )
    m = int(supervoxel.max()) + 1
    seeds = group_means(features, supervoxel, m)
    grid = PointGrid(seeds[:, :3], edge / config.position_scale_m)
    near = grid.k_nearest(features[:, :3], min(config.num_candidates, m))[1]
    for _ in range(config.num_rounds):
        supervoxel = _nearest_seeds(features, seeds, near)
        seeds = group_means(features, supervoxel, m)
    return unique_inverse(supervoxel)[1]


@compiled
def _nearest_seeds(features, seeds, near):
    """Return the seed (M, 9) of the candidates (N, k) nearest to the features (N, 9). (N,)."""
    supervoxel = np.empty(len(features), np.int64)
    for n in range(len(features)):
        least = np.inf
        for s in near[n]:
            gap = 0.0
            for t in range(features.shape[1]):
                gap += (features[n, t] - seeds[s, t]) ** 2
            if gap < least:
                least, supervoxel[n] = gap, s
    return supervoxel


@compiled
def group_means(values: np.ndarray, supervoxel: np.ndarray, m: int) -> np.ndarray:
    """Compute the mean of the rows (N, C) of each of `m` groups; 0 for an empty one. (M, C)."""
    sums, count = np.zeros((m, values.shape[1])), np.zeros(m)
    for n in range(len(values)):
        count[supervoxel[n]] += 1.0
        for c in range(values.shape[1]):
            sums[supervoxel[n], c] += values[n, c]
    for p in range(m):
        if count[p] > 0.0:
            sums[p] /= count[p]
    return sums


def mean_chromaticity(
    coarse_voxels: CoarseVoxels, supervoxel: np.ndarray, m: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean chromaticity (M, 3) and the coloured share (M,) of `m` supervoxels."""
    colored = coarse_voxels.colored.astype(float)
    share = group_means(colored[:, None], supervoxel, m)[:, 0]
    chromaticities = (
        group_means(coarse_voxels.chromaticities * colored[:, None], supervoxel, m)
        / np.maximum(share, 1e-6)[:, None]
    )
    return chromaticities, share
