"""Visibility compares measured with expected depth: free space, occlusion and absence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.sensing import CameraFrame
from world_model_node.config import VisibilityConfig
from world_model_node.fusion.range_points import project
from world_model_node.inputs.sensor_inputs import Snapshot

OCCLUDED, ABSENT, UNKNOWN = 'hidden', 'gone', 'unknown'


@dataclass(frozen=True)
class VisibilityModel:
    """The newest view of camera and LiDAR."""

    camera: CameraFrame | None
    lidar_m: np.ndarray | None  # (3,) world position
    config: VisibilityConfig

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot, config: VisibilityConfig) -> VisibilityModel:
        """Take the view from a snapshot."""
        lidar = snapshot.lidar[-1].T_world_lidar[:3, 3] if snapshot.lidar else None
        return cls(snapshot.camera, lidar, config)

    def viewpoints(self, colored: np.ndarray) -> np.ndarray:
        """Return the viewpoint of each point: camera with colour, else LiDAR. (N, 3)."""
        high = np.array([0.0, 0.0, 1e3])
        camera = None if self.camera is None else self.camera.T_world_camera[:3, 3]
        lidar = self.lidar_m
        from_camera = next(
            viewpoint for viewpoint in (camera, lidar, high) if viewpoint is not None
        )
        from_lidar = next(
            viewpoint for viewpoint in (lidar, camera, high) if viewpoint is not None
        )
        return np.where((colored > 0.0)[:, None], from_camera, from_lidar)

    def free_space_mask(self, points: np.ndarray, margin_m: float) -> np.ndarray:
        """Return the mask (N,) of (N, 3) world points that lie in front of the measured depth."""
        if self.camera is None or not len(points):
            return np.zeros(len(points), bool)
        u, v, z = project(points, self.camera)
        return (u >= 0) & (finite_depth(self.camera.depth_m[v, u]) > z + margin_m)

    def depth_residuals(self, points: np.ndarray) -> np.ndarray:
        """Compute measured minus expected depths [m] (N,) of (N, 3) points; NaN if unknown."""
        if self.camera is None or not len(points):
            return np.full(len(points), np.nan)
        u, v, z = project(points, self.camera)
        depth = finite_depth(self.camera.depth_m[v, u])
        return np.where((u >= 0) & (depth > 0.0), depth - z, np.nan)

    def sees_past(self, points: np.ndarray) -> bool:
        """Return whether the camera sees past a surface (N, 3), which is then gone."""
        gap = self._sampled_depth_residuals(points)
        return len(gap) > 0 and float(np.median(gap)) > self.config.sees_past_m

    def classify_absence(self, points: np.ndarray) -> str:
        """Classify an undetected surface (N, 3) as OCCLUDED, ABSENT or UNKNOWN."""
        gap = self._sampled_depth_residuals(points)
        if len(gap) == 0:
            return UNKNOWN
        if np.mean(gap > self.config.margin_m) > 0.5:
            return ABSENT
        occluded = np.mean(gap < -self.config.margin_m) > self.config.min_share
        return OCCLUDED if occluded else UNKNOWN

    def occluded_share(self, points: np.ndarray) -> float:
        """Compute the occluded share of a surface (N, 3); 0 if too few depths are measured."""
        gap = self._sampled_depth_residuals(points)
        return float(np.mean(gap < -self.config.margin_m)) if len(gap) else 0.0

    def _sampled_depth_residuals(self, points: np.ndarray) -> np.ndarray:
        """Compute measured minus expected depths [m]; an empty array if too few are measured."""
        if self.camera is None or not len(points):
            return np.zeros(0)
        u, v, z = project(points[:: max(1, len(points) // self.config.max_points)], self.camera)
        depth = finite_depth(self.camera.depth_m[v, u])
        known = (u >= 0) & (depth > 0.0)
        return (depth - z)[known] if known.mean() >= self.config.min_share else np.zeros(0)


def finite_depth(depth: np.ndarray) -> np.ndarray:
    """Replace depths that are not finite by 0, which stands for no return."""
    return np.where(np.isfinite(depth), depth, 0.0)
