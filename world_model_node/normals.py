"""Surface normals of the fused cloud, turned towards the sensor that saw each point."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from world_model_node.local_planes import local_planes
from world_model_node.points import PointSet
from world_model_node.visibility import Sight

REACH_M = 0.0075  # neighbours of a point: some 15 voxels of a surface


def cloud_normals(voxels: PointSet, kept: np.ndarray, sight: Sight) -> np.ndarray:
    """Unit normals (K, 3) float32 of the voxels at the indices `kept` (K,).

    Local principal components give the axis, the line of sight its sign: a surface that was seen
    faces its sensor, inside a bowl as well.
    """
    points = voxels.points_m[kept].astype(float)
    if len(points) < 3:
        return np.tile(np.float32([0.0, 0.0, 1.0]), (len(points), 1))
    pairs = cKDTree(points).query_pairs(REACH_M, output_type='ndarray')
    normals, *_ = local_planes(points, pairs)
    to_eye = sight.eyes(voxels.colored[kept]) - points
    away = np.einsum('kj,kj->k', normals, to_eye) < 0.0
    return (normals * np.where(away, -1.0, 1.0)[:, None]).astype(np.float32)
