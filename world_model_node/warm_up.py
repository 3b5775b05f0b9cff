"""A synthetic snapshot warms up the fusion, whose first run loads code and memory."""

from __future__ import annotations

import gc

import numpy as np

from sakiyomi.geometry import make_transform
from sakiyomi.sensing import CameraFrame, LidarScan
from world_model_node.config import WorkspaceConfig
from world_model_node.inputs.sensor_inputs import Snapshot

HEIGHT, WIDTH, FOCAL_PX = 480, 640, 600.0  # the synthetic camera


def freeze_gc() -> None:
    """Exclude all present objects from garbage collections, which would outlast a frame."""
    gc.unfreeze()  # objects of an earlier call may be garbage now
    gc.collect()
    gc.freeze()


def box_on_a_table(workspace: WorkspaceConfig) -> Snapshot:
    """Make a snapshot of camera and LiDAR 1 m above the centre of the workspace."""
    camera_height_m, box_height_m, lidar_stride = 1.0, 0.05, 8
    depth = np.full((HEIGHT, WIDTH), camera_height_m, np.float32)
    depth[200:280, 280:360] -= box_height_m
    color = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    K = np.array([[FOCAL_PX, 0.0, WIDTH / 2], [0.0, FOCAL_PX, HEIGHT / 2], [0.0, 0.0, 1.0]])
    w = workspace
    center = [0.5 * (w.x_min_m + w.x_max_m), 0.5 * (w.y_min_m + w.y_max_m), camera_height_m]
    T = make_transform(np.diag([1.0, -1.0, -1.0]), np.array(center))
    v, u = np.mgrid[0:HEIGHT:lidar_stride, 0:WIDTH:lidar_stride]
    z = depth[v, u]
    x, y = (u - WIDTH / 2) / FOCAL_PX * z, (v - HEIGHT / 2) / FOCAL_PX * z
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    camera = CameraFrame(0.0, color, depth, K, T)
    return Snapshot(camera, (LidarScan(0.0, points, T),), (None, None), None, ())
