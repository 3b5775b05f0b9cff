"""Surface normals of the fused cloud, turned towards the sensor that saw each point."""

from __future__ import annotations

from itertools import product

import numpy as np

from world_model_node.local_planes import UPPER, eigenvalues_of, least_eigenvector
from world_model_node.points import PointSet
from world_model_node.visibility import Sight

CELL_M = 0.005  # a plane is laid through each cell and the 26 around it


def cloud_normals(voxels: PointSet, kept: np.ndarray, sight: Sight) -> np.ndarray:
    """Unit normals (K, 3) float32 of the voxels at the indices `kept` (K,).

    Local principal components give the axis, each point weighing as much as its sensor is worth;
    the line of sight gives its sign: a surface that was seen faces its sensor, inside a bowl too.
    """
    points = voxels.points_m[kept].astype(float)
    if len(points) < 3:
        return np.tile(np.float32([0.0, 0.0, 1.0]), (len(points), 1))
    normals = plane_normals(points, voxels.sigma_m[kept].astype(float) ** -2.0)
    to_eye = sight.eyes(voxels.colored[kept]) - points
    away = np.einsum('kj,kj->k', normals, to_eye) < 0.0
    return np.where(away[:, None], -normals, normals).astype(np.float32)


def plane_normals(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), of either sign, of the planes around the cells of (N, 3) points.

    Cells in a column have keys in a row, so that a column of three is one difference of running
    sums: a twentieth of the additions that every point with each of its neighbours takes.
    """
    off = points - points.mean(axis=0)
    cell = np.floor(off / CELL_M).astype(np.int64)
    cell -= cell.min(axis=0) - 1
    _, ny, nz = cell.max(axis=0) + 2
    keys, at = np.unique((cell[:, 0] * ny + cell[:, 1]) * nz + cell[:, 2], return_inverse=True)
    sums = np.zeros((len(keys) + 1, 10))  # running totals of the moments of all cells before
    for column, values in enumerate(_moments(off)):
        np.cumsum(np.bincount(at, weight * values), out=sums[1:, column])
    near = np.zeros((len(keys), 10))
    for dx, dy in product((-1, 0, 1), repeat=2):
        middle = keys + (dx * ny + dy) * nz
        near += sums[np.searchsorted(keys, middle + 1, 'right')]
        near -= sums[np.searchsorted(keys, middle - 1, 'left')]
    i, j = UPPER
    mean = near[:, 1:4] / near[:, :1]
    second = near[:, 4:] / near[:, :1] - mean[:, i] * mean[:, j]
    return least_eigenvector(second, eigenvalues_of(second)[:, 0])[at]


def _moments(points: np.ndarray) -> list[np.ndarray]:
    """One, x, y, z, and the products of each two of them. Ten of shape (N,)."""
    x, y, z = points.T
    return [np.ones(len(x)), x, y, z, x * x, x * y, x * z, y * y, y * z, z * z]
