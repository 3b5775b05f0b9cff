"""Depth images and LiDAR scans become weighted world points inside the workspace."""

from __future__ import annotations

from itertools import product

import cv2
import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.sensing import CameraFrame, LidarScan
from world_model_node.config import NoiseConfig, WorkspaceConfig
from world_model_node.fusion.points import GREY, PointSet, empty_points
from world_model_node.fusion.support_plane import HORIZONTAL, SupportPlane

KERNEL_3X3 = np.ones((3, 3), np.uint8)
NO_RETURN_M = np.float32(1e3)  # stands for a missing depth in a minimum


class DepthView:
    """The part of a camera frame that shows the workspace; pixels become points on demand."""

    def __init__(self, frame: CameraFrame, workspace: WorkspaceConfig, noise: NoiseConfig) -> None:
        self.frame, self.workspace, self.noise = frame, workspace, noise
        self.rows, self.columns = workspace_window(frame, workspace)
        self.empty = self.rows.start >= self.rows.stop or self.columns.start >= self.columns.stop
        if not self.empty:
            self.depth = clean_depth(frame.depth_m[self.rows, self.columns], noise.max_depth_m)
            self.spread = local_spread(self.depth)
            self.usable = (self.depth > 0.0) & (self.spread < noise.flying_pixel_m)
            self.rays_x, self.rays_y = self._rays()

    def near_table(self) -> np.ndarray:
        """Return the world points (N, 3) float32 of a subsample of the pixels near the table."""
        if self.empty:
            return np.zeros((0, 3), np.float32)
        stride = self.workspace.table_stride
        few = (slice(None, None, stride), slice(None, None, stride))
        low = np.abs(self._heights(HORIZONTAL, few)) < self.workspace.table_band_m
        v, u = _nonzero(self.usable[few] & low)
        columns = self._world(stride * v, stride * u)
        return columns[:, _inside(columns, self.workspace)].T

    def above(self, plane: SupportPlane) -> PointSet:
        """Return the points of the pixels that rise above the plane."""
        if self.empty:
            return empty_points()
        least = np.float32(self.workspace.min_height_m)
        v, u = _nonzero(self.usable & (self._heights(plane) > least))
        columns = self._world(v, u)
        inside = np.flatnonzero(_inside(columns, self.workspace))
        v, u = v[inside], u[inside]
        pixel = (v + self.rows.start) * self.frame.depth_m.shape[1] + u + self.columns.start
        color = self.frame.color.reshape(-1, 3)[pixel].astype(np.float32)
        z, spread = self.depth[v, u], self.spread[v, u]
        sigma = depth_sigma(z, spread, self.frame.intrinsics, self.noise)
        points = np.ascontiguousarray(columns[:, inside].T)
        return PointSet(points, sigma, color, np.ones(len(z), np.float32))

    def _rays(self) -> tuple[np.ndarray, np.ndarray]:
        """Compute the slopes x / z of each column (w,) and y / z of each row (h,)."""
        K = self.frame.intrinsics
        x = (np.arange(self.columns.start, self.columns.stop) - K[0, 2]) / K[0, 0]
        y = (np.arange(self.rows.start, self.rows.stop) - K[1, 2]) / K[1, 1]
        return x.astype(np.float32), y.astype(np.float32)

    def _heights(
        self, plane: SupportPlane, part: tuple[slice, slice] = (slice(None), slice(None))
    ) -> np.ndarray:
        """Compute the heights [m] of pixels above the plane, linear in depth. Shape (h, w)."""
        T = self.frame.T_world_camera
        normal = np.array([*-plane.slope, 1.0])
        a, b, c = (normal @ T[:3, :3]).astype(np.float32)
        per_metre = (a * self.rays_x[part[1]] + c)[None] + (b * self.rays_y[part[0]])[:, None]
        per_metre *= self.depth[part]
        per_metre += np.float32(normal @ T[:3, 3] - plane.offset_m)
        return per_metre

    def _world(self, v: np.ndarray, u: np.ndarray) -> np.ndarray:
        """Back-project pixels of the window to the world. Shape (3, N) float32."""
        z = self.depth[v, u]
        camera = np.stack([self.rays_x[u] * z, self.rays_y[v] * z, z])  # (3, N)
        T = self.frame.T_world_camera.astype(np.float32)
        return np.einsum('ij,jn->in', T[:3, :3], camera) + T[:3, 3:]


def clean_depth(depth_m: np.ndarray, max_depth_m: float) -> np.ndarray:
    """Return depth [m] as float32, with 0 for missing, invalid and too large values."""
    depth = np.ascontiguousarray(depth_m, dtype=np.float32)
    return np.where((depth > 0.0) & (depth < max_depth_m), depth, np.float32(0.0))


def local_spread(depth: np.ndarray) -> np.ndarray:
    """Compute the range of valid depths [m] in the 3x3 neighbourhood. Shape (H, W)."""
    nearest = cv2.erode(np.where(depth > 0.0, depth, NO_RETURN_M), KERNEL_3X3)
    return cv2.dilate(depth, KERNEL_3X3) - nearest


def depth_sigma(
    z: np.ndarray, spread: np.ndarray, K: np.ndarray, noise: NoiseConfig
) -> np.ndarray:
    """Compute the noise [m] of depth pixels, which grows with z^2 and with the slope."""
    slope = spread * K[0, 0] / (2.0 * z)  # depth per metre across the surface
    grazing = np.clip(np.sqrt(1.0 + slope**2), 1.0, noise.max_grazing)
    sigma = (noise.camera_sigma_m + noise.camera_sigma_per_m2 * z**2) * grazing
    return sigma.astype(np.float32)


def project(points: np.ndarray, frame: CameraFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Project (N, 3) world points to columns, rows and depths [m]; -1 outside the image."""
    T = inverse(frame.T_world_camera).astype(np.float32)
    x, y, z = np.einsum('ij,nj->in', T[:3, :3], np.asarray(points, np.float32)) + T[:3, 3:]
    K, safe = frame.intrinsics.astype(np.float32), np.maximum(z, np.float32(1e-6))
    height, width = frame.depth_m.shape
    u = np.rint(np.clip(K[0, 0] * x / safe + K[0, 2], -1e6, 1e6)).astype(np.int32)
    v = np.rint(np.clip(K[1, 1] * y / safe + K[1, 2], -1e6, 1e6)).astype(np.int32)
    seen = (z > 0.0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    return np.where(seen, u, -1), np.where(seen, v, -1), z


def lidar_points(scan: LidarScan, workspace: WorkspaceConfig, noise: NoiseConfig) -> PointSet:
    """Return the finite LiDAR returns inside the workspace as grey world points."""
    finite = np.isfinite(scan.points_m).all(axis=1) & (np.abs(scan.points_m) < 1e4).all(axis=1)
    points = transform_points(scan.T_world_lidar, scan.points_m[finite].astype(np.float32))
    points = points[inside_workspace(points, workspace)]
    n = len(points)
    sigma = np.full(n, noise.lidar_sigma_m, np.float32)
    return PointSet(points, sigma, np.full((n, 3), GREY, np.float32), np.zeros(n, np.float32))


def inside_workspace(
    points: np.ndarray, workspace: WorkspaceConfig, margin_m: float = 0.0
) -> np.ndarray:
    """Return the mask (N,) of (N, 3) world points in the box, which reaches below the table."""
    return _inside(points.T, workspace, margin_m)


def _inside(columns: np.ndarray, workspace: WorkspaceConfig, margin_m: float = 0.0) -> np.ndarray:
    x, y, z = columns
    w, m = workspace, margin_m
    inside = (x > w.x_min_m - m) & (x < w.x_max_m + m) & (z < w.z_max_m + m)
    inside &= (y > w.y_min_m - m) & (y < w.y_max_m + m)
    return inside & (z > -2.0 * w.table_band_m - m)


def _nonzero(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows and columns of true pixels, ten times as fast as `np.nonzero`."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


def workspace_window(frame: CameraFrame, workspace: WorkspaceConfig) -> tuple[slice, slice]:
    """Return the rows and columns of the image that show the workspace; all if it is too near."""
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
