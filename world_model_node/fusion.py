"""Turn depth images and LiDAR scans into weighted world points inside the workspace."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.sensing import CameraFrame, LidarScan
from world_model_node.config import NoiseConfig, WorkspaceConfig
from world_model_node.points import GREY, PointSet, no_points

KERNEL_3X3 = np.ones((3, 3), np.uint8)
FAR_M = np.float32(1e3)


def camera_points(frame: CameraFrame, workspace: WorkspaceConfig, noise: NoiseConfig) -> PointSet:
    """The valid, unmixed depth pixels of the workspace as world points with their noise."""
    rows, columns = workspace_window(frame, workspace)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return no_points()
    depth = clean_depth(frame.depth_m[rows, columns], noise.max_depth_m)
    spread = local_spread(depth)
    v, u = np.nonzero((depth > 0.0) & (spread < noise.flying_pixel_m))
    z = depth[v, u]
    points = back_project(u + columns.start, v + rows.start, z, frame)
    inside = inside_workspace(points, workspace)
    z, spread = z[inside], spread[v, u][inside]
    colors = frame.color[rows, columns][v[inside], u[inside]].astype(np.float32)
    sigma = depth_sigma(z, spread, frame.intrinsics, noise)
    return PointSet(points[inside], sigma, colors, np.ones(len(z), np.float32))


def clean_depth(depth_m: np.ndarray, max_depth_m: float) -> np.ndarray:
    """Depth [m] as float32 with 0 where it is missing, not finite, negative or too far."""
    depth = np.ascontiguousarray(depth_m, dtype=np.float32)
    return np.where((depth > 0.0) & (depth < max_depth_m), depth, np.float32(0.0))


def local_spread(depth: np.ndarray) -> np.ndarray:
    """Largest minus smallest valid depth [m] in the 3x3 neighbourhood. Shape (H, W)."""
    nearest = cv2.erode(np.where(depth > 0.0, depth, FAR_M), KERNEL_3X3)
    return cv2.dilate(depth, KERNEL_3X3) - nearest


def depth_sigma(
    z: np.ndarray, spread: np.ndarray, K: np.ndarray, noise: NoiseConfig
) -> np.ndarray:
    """Noise [m] of depth pixels: grows with z^2 and where the surface is seen grazing."""
    slope = spread * K[0, 0] / (2.0 * z)  # depth per metre across the surface
    grazing = np.clip(np.sqrt(1.0 + slope**2), 1.0, noise.max_grazing)
    sigma = (noise.camera_sigma_m + noise.camera_sigma_per_m2 * z**2) * grazing
    return sigma.astype(np.float32)


def back_project(u: np.ndarray, v: np.ndarray, z: np.ndarray, frame: CameraFrame) -> np.ndarray:
    """World points (N, 3) float32 of pixels at depths `z` [m]."""
    K = frame.intrinsics
    x = (u - K[0, 2]) / K[0, 0] * z
    y = (v - K[1, 2]) / K[1, 1] * z
    camera = np.stack([x, y, z], axis=1).astype(np.float32)
    return transform_points(frame.T_world_camera, camera)


def project(points: np.ndarray, frame: CameraFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixel columns, rows and depths [m] of (N, 3) world points; -1 outside the image."""
    camera = transform_points(inverse(frame.T_world_camera), np.asarray(points, float))
    z = camera[:, 2]
    K, safe = frame.intrinsics, np.maximum(z, 1e-6)
    height, width = frame.depth_m.shape
    u_f = np.clip(K[0, 0] * camera[:, 0] / safe + K[0, 2], -1e6, 1e6)
    v_f = np.clip(K[1, 1] * camera[:, 1] / safe + K[1, 2], -1e6, 1e6)
    u, v = np.round(u_f).astype(int), np.round(v_f).astype(int)
    seen = (z > 0.0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    return np.where(seen, u, -1), np.where(seen, v, -1), z


def lidar_points(scan: LidarScan, workspace: WorkspaceConfig, noise: NoiseConfig) -> PointSet:
    """The finite returns inside the workspace as grey world points."""
    finite = np.isfinite(scan.points_m).all(axis=1) & (np.abs(scan.points_m) < 1e4).all(axis=1)
    points = transform_points(scan.T_world_lidar, scan.points_m[finite].astype(np.float32))
    points = points[inside_workspace(points, workspace)]
    n = len(points)
    sigma = np.full(n, noise.lidar_sigma_m, np.float32)
    return PointSet(points, sigma, np.full((n, 3), GREY, np.float32), np.zeros(n, np.float32))


def inside_workspace(points: np.ndarray, workspace: WorkspaceConfig) -> np.ndarray:
    """Which of (N, 3) world points lie in the box, a little below the table included."""
    x, y, z = points.T
    w = workspace
    inside = (x > w.x_min_m) & (x < w.x_max_m) & (y > w.y_min_m) & (y < w.y_max_m)
    return inside & (z > -2.0 * w.table_band_m) & (z < w.z_max_m)


def workspace_window(frame: CameraFrame, workspace: WorkspaceConfig) -> tuple[slice, slice]:
    """The rows and columns of the image that can show the workspace; all where it is too near."""
    w = workspace
    corners = np.array(
        list(product((w.x_min_m, w.x_max_m), (w.y_min_m, w.y_max_m), (-w.table_band_m, w.z_max_m)))
    )
    camera = transform_points(inverse(frame.T_world_camera), corners)
    height, width = frame.depth_m.shape
    if (camera[:, 2] < 0.05).any():
        return slice(0, height), slice(0, width)
    image = camera @ frame.intrinsics.T
    uv = image[:, :2] / image[:, 2:]
    (u0, v0), (u1, v1) = np.floor(uv.min(axis=0)), np.ceil(uv.max(axis=0)) + 1.0
    rows = slice(int(np.clip(v0, 0, height)), int(np.clip(v1, 0, height)))
    return rows, slice(int(np.clip(u0, 0, width)), int(np.clip(u1, 0, width)))
