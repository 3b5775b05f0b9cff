"""Turn depth images and LiDAR scans into weighted world points inside the workspace."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.sensing import CameraFrame, LidarScan
from world_model_node.config import NoiseConfig, WorkspaceConfig
from world_model_node.points import GREY, PointSet, no_points
from world_model_node.support import SupportPlane

KERNEL_3X3 = np.ones((3, 3), np.uint8)
FAR_M = np.float32(1e3)
SPARSE = 4


class DepthView:
    """The part of a camera frame that can show the workspace; pixels become points on demand."""

    def __init__(self, frame: CameraFrame, workspace: WorkspaceConfig, noise: NoiseConfig) -> None:
        self.frame, self.workspace, self.noise = frame, workspace, noise
        self.rows, self.columns = workspace_window(frame, workspace)
        self.empty = self.rows.start >= self.rows.stop or self.columns.start >= self.columns.stop
        if not self.empty:
            self.depth = clean_depth(frame.depth_m[self.rows, self.columns], noise.max_depth_m)
            self.spread = local_spread(self.depth)
            self.usable = (self.depth > 0.0) & (self.spread < noise.flying_pixel_m)

    def sparse(self) -> PointSet:
        """Every fourth pixel of every fourth row: enough for the table."""
        if self.empty:
            return no_points()
        few = np.zeros_like(self.usable)
        few[::SPARSE, ::SPARSE] = self.usable[::SPARSE, ::SPARSE]
        return self._points(few)

    def above(self, plane: SupportPlane) -> PointSet:
        """The pixels that are higher above the plane than the table may be rough."""
        if self.empty:
            return no_points()
        least = np.float32(self.workspace.min_height_m)
        return self._points(self.usable & (self._heights(plane) > least))

    def _heights(self, plane: SupportPlane) -> np.ndarray:
        """Height [m] of each pixel above the plane, which is linear in its depth. Shape (h, w)."""
        T, K = self.frame.T_world_camera, self.frame.intrinsics
        normal = np.array([*-plane.slope, 1.0])
        a, b, c = normal @ T[:3, :3]
        x = (np.arange(self.columns.start, self.columns.stop) - K[0, 2]) / K[0, 0]
        y = (np.arange(self.rows.start, self.rows.stop) - K[1, 2]) / K[1, 1]
        per_metre = (a * x + c).astype(np.float32)[None] + (b * y).astype(np.float32)[:, None]
        return self.depth * per_metre + np.float32(normal @ T[:3, 3] - plane.offset_m)

    def _points(self, mask: np.ndarray) -> PointSet:
        v, u = np.nonzero(mask)
        z = self.depth[v, u]
        points = back_project(u + self.columns.start, v + self.rows.start, z, self.frame)
        inside = inside_workspace(points, self.workspace)
        v, u, z = v[inside], u[inside], z[inside]
        color = self.frame.color[v + self.rows.start, u + self.columns.start].astype(np.float32)
        sigma = depth_sigma(z, self.spread[v, u], self.frame.intrinsics, self.noise)
        return PointSet(points[inside], sigma, color, np.ones(len(z), np.float32))


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


def inside_workspace(
    points: np.ndarray, workspace: WorkspaceConfig, margin_m: float = 0.0
) -> np.ndarray:
    """Which of (N, 3) world points lie in the box, a little below the table included."""
    x, y, z = points.T
    w, m = workspace, margin_m
    inside = (x > w.x_min_m - m) & (x < w.x_max_m + m) & (z < w.z_max_m + m)
    inside &= (y > w.y_min_m - m) & (y < w.y_max_m + m)
    return inside & (z > -2.0 * w.table_band_m - m)


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
