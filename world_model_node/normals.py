"""Surface normals of the fused cloud, turned towards the sensor that saw each point."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from world_model_node.inputs import Snapshot
from world_model_node.local_planes import local_planes
from world_model_node.points import PointSet

REACH_M = 0.0075  # neighbours of a point: some 15 voxels of a surface


def cloud_normals(voxels: PointSet, kept: np.ndarray, snapshot: Snapshot) -> np.ndarray:
    """Unit normals (K, 3) float32 of the voxels at the indices `kept` (K,).

    Local principal components give the axis, the line of sight its sign: a surface that was seen
    faces its sensor, inside a bowl as well.
    """
    points = voxels.points_m[kept].astype(float)
    if len(points) < 3:
        return np.tile(np.float32([0.0, 0.0, 1.0]), (len(points), 1))
    pairs = cKDTree(points).query_pairs(REACH_M, output_type='ndarray')
    normals, *_ = local_planes(points, pairs)
    sight = _sensor_positions(voxels.colored[kept], snapshot) - points
    away = np.einsum('kj,kj->k', normals, sight) < 0.0
    return (normals * np.where(away, -1.0, 1.0)[:, None]).astype(np.float32)


def _sensor_positions(colored: np.ndarray, snapshot: Snapshot) -> np.ndarray:
    """Where each point was seen from: the camera where it has colour, else the LiDAR. (K, 3)."""
    camera, lidar = snapshot.camera, snapshot.lidar
    from_lidar = lidar[-1].T_world_lidar[:3, 3] if lidar else camera.T_world_camera[:3, 3]
    from_camera = camera.T_world_camera[:3, 3] if camera is not None else from_lidar
    return np.where((colored > 0.0)[:, None], from_camera, from_lidar)
