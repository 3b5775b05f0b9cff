"""Surface normals of the fused cloud, oriented towards the sensor of each point."""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.local_pca import smallest_eigenvector, symmetric_eigenvalues
from world_model_node.fusion.points import PointSet, unique_inverse, voxel_keys
from world_model_node.fusion.visibility import VisibilityModel


def cloud_normals(
    voxels: PointSet, kept: np.ndarray, visibility: VisibilityModel, cell_m: float
) -> np.ndarray:
    """Compute unit normals (K, 3) float32 of the voxels at the indices `kept` (K,).

    Local principal components, weighted by the inverse variance, give the axis. The line of sight
    gives the sign, because a visible surface faces its sensor.
    """
    points = voxels.points_m[kept].astype(float)
    if len(points) < 3:
        return np.tile(np.float32([0.0, 0.0, 1.0]), (len(points), 1))
    normals = plane_normals(points, voxels.sigma_m[kept].astype(float) ** -2.0, cell_m)
    to_viewpoint = visibility.viewpoints(voxels.colored[kept]) - points
    away = np.einsum('kj,kj->k', normals, to_viewpoint) < 0.0
    return np.where(away[:, None], -normals, normals).astype(np.float32)


def plane_normals(points: np.ndarray, weight: np.ndarray, cell_m: float) -> np.ndarray:
    """Compute unit normals (N, 3), of either sign, of the planes around the cells of points.

    A plane is fitted to each cell and the 26 cells around it. The neighbours of a cell in one
    column have consecutive keys, and keys are sorted, so that one pass over all cells finds them
    for each of the nine columns.
    """
    off = points - points.mean(axis=0)
    every, x_step, y_step = voxel_keys(off, cell_m)
    keys, at = unique_inverse(every)
    second = _neighbourhood_covariances(off, weight, keys, at, x_step, y_step)
    return smallest_eigenvector(second, symmetric_eigenvalues(second)[:, 0])[at]


@compiled
def _neighbourhood_covariances(points, weight, keys, at, x_step, y_step):
    """Compute the covariance (M, 6), xx xy xz yy yz zz, of each cell and the 26 around it."""
    m = len(keys)
    cells, near = np.zeros((m, 10)), np.zeros((m, 10))
    for n in range(len(points)):
        x, y, z, w = points[n, 0], points[n, 1], points[n, 2], weight[n]
        row = (
            w,
            w * x,
            w * y,
            w * z,
            w * x * x,
            w * x * y,
            w * x * z,
            w * y * y,
            w * y * z,
            w * z * z,
        )
        for column, value in enumerate(row):
            cells[at[n], column] += value
    for dx in range(-1, 2):
        for dy in range(-1, 2):
            low = 0
            for c in range(m):
                middle = keys[c] + dx * x_step + dy * y_step
                while low < m and keys[low] < middle - 1:
                    low += 1
                other = low
                while other < m and keys[other] <= middle + 1:
                    near[c] += cells[other]
                    other += 1
    out = np.empty((m, 6))
    for c in range(m):
        w = near[c, 0]
        x, y, z = near[c, 1] / w, near[c, 2] / w, near[c, 3] / w
        means = (x * x, x * y, x * z, y * y, y * z, z * z)
        for column, value in enumerate(means):
            out[c, column] = near[c, 4 + column] / w - value
    return out
