"""Cut fused voxels into small even parts that do not cross edges of colour or shape.

Supervoxels after Papon et al., Voxel cloud connectivity segmentation, CVPR 2013: seeds on a grid,
then each cell joins the nearest seed in place, normal and colour, and seeds move to their mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from world_model_node.appearance import shading_free
from world_model_node.local_planes import local_normals
from world_model_node.points import PointSet, fused, voxel_of
from world_model_node.visibility import Sight

CELL_M = 0.005
NEIGHBOURS = 10  # of a cell
WORKERS = 2  # threads of the largest searches: what follows waits for them
SEED_M, MAX_PARTS = 0.016, 256
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
    gaps, index = cKDTree(points, balanced_tree=False).query(
        points, NEIGHBOURS + 1, workers=WORKERS
    )
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
    seeds = means(traits, part)
    k = min(CANDIDATES, len(seeds))
    near = cKDTree(seeds[:, :3]).query(traits[:, :3], k, workers=WORKERS)[1]
    near = near.reshape(len(traits), k)
    traits = traits.astype(np.float32)
    for _ in range(ROUNDS):
        off = traits[:, None] - seeds.astype(np.float32)[near]  # (N, k, 9)
        best = np.argmin(np.einsum('nkc,nkc->nk', off, off), axis=1)
        part = near[np.arange(len(near)), best]
        seeds = means(traits, part, len(seeds))
    return np.unique(part, return_inverse=True)[1]


def means(values: np.ndarray, part: np.ndarray, m: int = 0) -> np.ndarray:
    """The mean of the rows (N, C) of each part, of `m` at least; 0 of none. Shape (M, C)."""
    count = np.maximum(np.bincount(part, minlength=m), 1)
    sums = [np.bincount(part, column, m) for column in values.T]
    return np.stack(sums, axis=1) / count[:, None]
