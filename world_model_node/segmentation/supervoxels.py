"""Cut fused voxels into small even supervoxels that do not cross edges of colour or shape.

Supervoxels after Papon et al., Voxel cloud connectivity segmentation, CVPR 2013: seeds on a grid,
then each cell joins the nearest seed in place, normal and colour, and seeds move to their mean.
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

COARSE_VOXEL_M = 0.005
NUM_NEIGHBORS = 10  # of a coarse voxel
GRID_BOX_M = 0.008  # of the grid that they are looked for in
SEED_M, MAX_SUPERVOXELS = 0.016, 192
NUM_CANDIDATES, NUM_ROUNDS = 4, 2
# differences that weigh the same
POSITION_SCALE_M, CHROMATICITY_SCALE, NORMAL_SCALE = 0.008, 8.0, 0.5


@dataclass(frozen=True)
class CoarseVoxels:
    """Fused coarse voxels with their local shape; all arrays have one row per coarse voxel."""

    points_m: np.ndarray  # (N, 3) float64
    normals: np.ndarray  # (N, 3) towards the sensor
    viewpoints_m: np.ndarray  # (N, 3) where each was seen from
    chromaticities: np.ndarray  # (N, 3) shading-free colour, 0 where unknown
    colored: np.ndarray  # (N,) in [0, 1]
    sigma_m: np.ndarray  # (N,)
    neighbors: np.ndarray  # (N, K) indices, nearest first, itself excluded
    neighbor_distances_m: np.ndarray  # (N, K) distances to them

    def __len__(self) -> int:
        return len(self.points_m)


def make_coarse_voxels(
    voxels: PointSet, coarse_of_voxel: np.ndarray, visibility: VisibilityModel
) -> CoarseVoxels:
    """The coarse voxels that voxels (N,) are in; there must be more of them than NUM_NEIGHBORS."""
    coarse_voxels = fuse_groups(voxels, coarse_of_voxel)
    points = coarse_voxels.points_m.astype(float)
    gaps, index = PointGrid(points, GRID_BOX_M).k_nearest(points, NUM_NEIGHBORS + 1)
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
    """Normals (N, 3) turned so that they point towards (N, 3)."""
    away = np.einsum('ij,ij->i', normals, towards) < 0.0
    return np.where(away[:, None], -normals, normals)


def oversegment(coarse_voxels: CoarseVoxels) -> np.ndarray:
    """The part of each cell, 0 upward with none empty, at most MAX_SUPERVOXELS. Shape (N,)."""
    edge = SEED_M
    supervoxel = voxel_indices(coarse_voxels.points_m, edge)
    while supervoxel.max() >= MAX_SUPERVOXELS:
        edge *= 1.1
        supervoxel = voxel_indices(coarse_voxels.points_m, edge)
    features = np.hstack(
        [
            coarse_voxels.points_m / POSITION_SCALE_M,
            coarse_voxels.normals / NORMAL_SCALE,
            coarse_voxels.chromaticities / CHROMATICITY_SCALE,
        ]
    )
    m = int(supervoxel.max()) + 1
    seeds = group_means(features, supervoxel, m)
    grid = PointGrid(seeds[:, :3], edge / POSITION_SCALE_M)
    near = grid.k_nearest(features[:, :3], min(NUM_CANDIDATES, m))[1]
    for _ in range(NUM_ROUNDS):
        supervoxel = _nearest_seeds(features, seeds, near)
        seeds = group_means(features, supervoxel, m)
    return unique_inverse(supervoxel)[1]


@compiled
def _nearest_seeds(features, seeds, near):
    """Which of the seeds (M, 9) that are near (N, k) is the nearest in all traits (N, 9). (N,)."""
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
    """The mean of the rows (N, C) of each of `m` parts; 0 of those that are empty. (M, C)."""
    sums, count = np.zeros((m, values.shape[1])), np.zeros(m)
    for n in range(len(values)):
        count[supervoxel[n]] += 1.0
        for c in range(values.shape[1]):
            sums[supervoxel[n], c] += values[n, c]
    for p in range(m):
        if count[p] > 0.0:
            sums[p] /= count[p]
    return sums
