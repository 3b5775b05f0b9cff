"""A made-up look at a box on a table: the first pass through the fusion loads code and memory."""

from __future__ import annotations

import gc

import numpy as np

from sakiyomi.geometry import make_transform
from sakiyomi.sensing import CameraFrame, LidarScan
from world_model_node.config import WorkspaceConfig
from world_model_node.inputs.sensor_inputs import Snapshot

HEIGHT, WIDTH, FOCAL = 480, 640, 600.0
CAMERA_HEIGHT_M, BOX_HEIGHT_M = 1.0, 0.05  # above the table
BOX_PIXELS = (slice(200, 280), slice(280, 360))
LIDAR_STRIDE = 8  # pixels are points of the LiDAR too


def freeze_gc() -> None:
    """Let garbage collections pass over all that exists: to walk it takes longer than a frame."""
    gc.unfreeze()  # of what an earlier call spared
    gc.collect()
    gc.freeze()


def box_on_a_table(workspace: WorkspaceConfig) -> Snapshot:
    """What camera and LiDAR would see from above the middle of the workspace."""
    depth = np.full((HEIGHT, WIDTH), CAMERA_HEIGHT_M, np.float32)
    depth[BOX_PIXELS] -= BOX_HEIGHT_M
    color = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    K = np.array([[FOCAL, 0.0, WIDTH / 2], [0.0, FOCAL, HEIGHT / 2], [0.0, 0.0, 1.0]])
    w = workspace
    middle = [0.5 * (w.x_min_m + w.x_max_m), 0.5 * (w.y_min_m + w.y_max_m), CAMERA_HEIGHT_M]
    T = make_transform(np.diag([1.0, -1.0, -1.0]), np.array(middle))
    v, u = np.mgrid[0:HEIGHT:LIDAR_STRIDE, 0:WIDTH:LIDAR_STRIDE]
    z = depth[v, u]
    x, y = (u - WIDTH / 2) / FOCAL * z, (v - HEIGHT / 2) / FOCAL * z
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3).astype(np.float32)
    camera = CameraFrame(0.0, color, depth, K, T)
    return Snapshot(camera, (LidarScan(0.0, points, T),), (None, None), None, ())
