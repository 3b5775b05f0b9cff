"""Surface normals of the fused cloud, turned towards the sensor that saw each point."""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.local_pca import smallest_eigenvector, symmetric_eigenvalues
from world_model_node.fusion.points import PointSet, unique_inverse, voxel_keys
from world_model_node.fusion.visibility import VisibilityModel

CELL_M = 0.005  # a plane is laid through each cell and the 26 around it


def cloud_normals(voxels: PointSet, kept: np.ndarray, visibility: VisibilityModel) -> np.ndarray:
    """Unit normals (K, 3) float32 of the voxels at the indices `kept` (K,).

    Local principal components give the axis, each point weighing as much as its sensor is worth;
    the line of sight gives its sign: a surface that was seen faces its sensor, inside a bowl too.
    """
    points = voxels.points_m[kept].astype(float)
    if len(points) < 3:
        return np.tile(np.float32([0.0, 0.0, 1.0]), (len(points), 1))
    normals = plane_normals(points, voxels.sigma_m[kept].astype(float) ** -2.0)
    to_viewpoint = visibility.viewpoints(voxels.colored[kept]) - points
    away = np.einsum('kj,kj->k', normals, to_viewpoint) < 0.0
    return np.where(away[:, None], -normals, normals).astype(np.float32)


def plane_normals(points: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Unit normals (N, 3), of either sign, of the planes around the cells of (N, 3) points.

    A cell's neighbours in one column have keys in a row, and keys are sorted: for each of the nine
    columns around it one pass over all cells finds them.
    """
    off = points - points.mean(axis=0)
    every, x_step, y_step = voxel_keys(off, CELL_M)
    keys, at = unique_inverse(every)
    second = _neighbourhood_covariances(off, weight, keys, at, x_step, y_step)
    return smallest_eigenvector(second, symmetric_eigenvalues(second)[:, 0])[at]


@compiled
def _neighbourhood_covariances(points, weight, keys, at, x_step, y_step):
    """Covariance (M, 6), xx xy xz yy yz zz, of the points in each cell and the 26 around it."""
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
