"""What the sensors could see from where they stand: through, up to, or not behind something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.sensing import CameraFrame
from world_model_node.fusion.range_points import project
from world_model_node.inputs.sensor_inputs import Snapshot

OCCLUDED, ABSENT, UNKNOWN = 'hidden', 'gone', 'unknown'
MARGIN_M = 0.012
SEES_PAST_M = 0.005  # in the median, over what may be as flat as this
MIN_SHARE = 0.3
MAX_POINTS = 400


@dataclass(frozen=True)
class VisibilityModel:
    """The newest view."""

    camera: CameraFrame | None
    lidar_m: np.ndarray | None  # (3,) world position

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot) -> VisibilityModel:
        """The view of a snapshot."""
        lidar = snapshot.lidar[-1].T_world_lidar[:3, 3] if snapshot.lidar else None
        return cls(snapshot.camera, lidar)

    def viewpoints(self, colored: np.ndarray) -> np.ndarray:
        """Where each point was seen from: the camera if it has colour, else the LiDAR. (N, 3)."""
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

    def free_space_mask(self, points: np.ndarray, margin_m: float = 2.0 * MARGIN_M) -> np.ndarray:
        """Which of (N, 3) world points the camera looks through: nothing is there now. (N,)."""
        if self.camera is None or not len(points):
            return np.zeros(len(points), bool)
        u, v, z = project(points, self.camera)
        return (u >= 0) & (finite_depth(self.camera.depth_m[v, u]) > z + margin_m)

    def depth_residuals(self, points: np.ndarray) -> np.ndarray:
        """Measured minus expected depth [m] of (N, 3) world points; NaN where unknown. (N,)."""
        if self.camera is None or not len(points):
            return np.full(len(points), np.nan)
        u, v, z = project(points, self.camera)
        depth = finite_depth(self.camera.depth_m[v, u])
        return np.where((u >= 0) & (depth > 0.0), depth - z, np.nan)

    def sees_past(self, points: np.ndarray) -> bool:
        """Whether the camera looks past a surface (N, 3), however low: it was there before."""
        gap = self._sampled_depth_residuals(points)
        return len(gap) > 0 and float(np.median(gap)) > SEES_PAST_M

    def classify_absence(self, points: np.ndarray) -> str:
        """Whether unseen surface (N, 3) is HIDDEN behind something, GONE or UNKNOWN."""
        gap = self._sampled_depth_residuals(points)
        if len(gap) == 0:
            return UNKNOWN
        if np.mean(gap > MARGIN_M) > 0.5:
            return ABSENT
        return OCCLUDED if np.mean(gap < -MARGIN_M) > MIN_SHARE else UNKNOWN

    def occluded_share(self, points: np.ndarray) -> float:
        """The share of surface (N, 3) behind what the camera sees; 0 where it knows too little."""
        gap = self._sampled_depth_residuals(points)
        return float(np.mean(gap < -MARGIN_M)) if len(gap) else 0.0

    def _sampled_depth_residuals(self, points: np.ndarray) -> np.ndarray:
        """Measured minus expected depth [m] where there is one; none if that is too few."""
        if self.camera is None or not len(points):
            return np.zeros(0)
        u, v, z = project(points[:: max(1, len(points) // MAX_POINTS)], self.camera)
        depth = finite_depth(self.camera.depth_m[v, u])
        known = (u >= 0) & (depth > 0.0)
        return (depth - z)[known] if known.mean() >= MIN_SHARE else np.zeros(0)


def finite_depth(depth: np.ndarray) -> np.ndarray:
    """Depths [m] with 0, no return, where they are not finite."""
    return np.where(np.isfinite(depth), depth, 0.0)
