"""Cut fused voxels into small even parts that do not cross edges of colour or shape.

Supervoxels after Papon et al., Voxel cloud connectivity segmentation, CVPR 2013: seeds on a grid,
then each cell joins the nearest seed in place, normal and colour, and seeds move to their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.appearance import shading_free
from world_model_node.fusion.local_planes import local_normals
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.points import PointSet, distinct, fused, voxel_of
from world_model_node.fusion.visibility import Sight

CELL_M = 0.005
NEIGHBOURS = 10  # of a cell
BOX_M = 0.008  # of the grid that they are looked for in
SEED_M, MAX_PARTS = 0.016, 192
CANDIDATES, ROUNDS = 4, 2
PLACE_M, PAINT, NORMAL = 0.008, 8.0, 0.5  # differences that weigh the same


@dataclass(frozen=True)
class Cells:
    """Fused cells with their local shape; all arrays have one row per cell."""

    points_m: np.ndarray  # (N, 3) float64
    normals: np.ndarray  # (N, 3) towards the sensor
    eyes_m: np.ndarray  # (N, 3) where each was seen from
    paint: np.ndarray  # (N, 3) shading-free colour, 0 where unknown
    colored: np.ndarray  # (N,) in [0, 1]
    sigma_m: np.ndarray  # (N,)
    neighbours: np.ndarray  # (N, K) indices, nearest first, itself excluded
    gaps_m: np.ndarray  # (N, K) distances to them

    def __len__(self) -> int:
        return len(self.points_m)


def make_cells(voxels: PointSet, cell_of_voxel: np.ndarray, sight: Sight) -> Cells:
    """The cells that voxels (N,) are in; there must be more of them than NEIGHBOURS."""
    cells = fused(voxels, cell_of_voxel)
    points = cells.points_m.astype(float)
    gaps, index = PointGrid(points, BOX_M).nearest_few(points, NEIGHBOURS + 1)
    eyes = sight.eyes(cells.colored)
    normals = facing(local_normals(points, index), eyes - points)
    known = cells.colored > 0.0
    paint = np.where(known[:, None], shading_free(cells.colors), 0.0)
    return Cells(
        points, normals, eyes, paint, cells.colored, cells.sigma_m, index[:, 1:], gaps[:, 1:]
    )


def facing(normals: np.ndarray, towards: np.ndarray) -> np.ndarray:
    """Normals (N, 3) turned so that they point towards (N, 3)."""
    away = np.einsum('ij,ij->i', normals, towards) < 0.0
    return np.where(away[:, None], -normals, normals)


def cut(cells: Cells) -> np.ndarray:
    """The part of each cell, 0 upward with none empty, at most MAX_PARTS. Shape (N,)."""
    edge = SEED_M
    part = voxel_of(cells.points_m, edge)
    while part.max() >= MAX_PARTS:
        edge *= 1.1
        part = voxel_of(cells.points_m, edge)
    traits = np.hstack([cells.points_m / PLACE_M, cells.normals / NORMAL, cells.paint / PAINT])
    m = int(part.max()) + 1
    seeds = means(traits, part, m)
    grid = PointGrid(seeds[:, :3], edge / PLACE_M)
    near = grid.nearest_few(traits[:, :3], min(CANDIDATES, m))[1]
    for _ in range(ROUNDS):
        part = _joined(traits, seeds, near)
        seeds = means(traits, part, m)
    return distinct(part)[1]


@compiled
def _joined(traits, seeds, near):
    """Which of the seeds (M, 9) that are near (N, k) is the nearest in all traits (N, 9). (N,)."""
    part = np.empty(len(traits), np.int64)
    for n in range(len(traits)):
        least = np.inf
        for s in near[n]:
            gap = 0.0
            for t in range(traits.shape[1]):
                gap += (traits[n, t] - seeds[s, t]) ** 2
            if gap < least:
                least, part[n] = gap, s
    return part


@compiled
def means(values: np.ndarray, part: np.ndarray, m: int) -> np.ndarray:
    """The mean of the rows (N, C) of each of `m` parts; 0 of those that are empty. (M, C)."""
    sums, count = np.zeros((m, values.shape[1])), np.zeros(m)
    for n in range(len(values)):
        count[part[n]] += 1.0
        for c in range(values.shape[1]):
            sums[part[n], c] += values[n, c]
    for p in range(m):
        if count[p] > 0.0:
            sums[p] /= count[p]
    return sums
