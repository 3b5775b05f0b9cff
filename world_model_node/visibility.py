"""Is an object that was not seen hidden, or gone? The depth image knows."""

from __future__ import annotations

import numpy as np

from sakiyomi.sensing import CameraFrame
from world_model_node.fusion import project
from world_model_node.tracking import GONE, HIDDEN, UNKNOWN

MARGIN_M = 0.012
MIN_SHARE = 0.3
MAX_POINTS = 400


def judge(points: np.ndarray, frame: CameraFrame | None) -> str:
    """HIDDEN behind something nearer, GONE where the camera sees through it, or UNKNOWN."""
    if frame is None or not len(points):
        return UNKNOWN
    u, v, z = project(points[:: max(1, len(points) // MAX_POINTS)], frame)
    inside = u >= 0
    if inside.mean() < MIN_SHARE:
        return UNKNOWN
    depth = np.nan_to_num(frame.depth_m[v[inside], u[inside]], nan=0.0, posinf=0.0, neginf=0.0)
    known = depth > 0.0
    if known.mean() < MIN_SHARE:
        return UNKNOWN
    gap = depth[known] - z[inside][known]
    through, behind = np.mean(gap > MARGIN_M), np.mean(gap < -MARGIN_M)
    if through > 0.5:
        return GONE
    return HIDDEN if behind > MIN_SHARE else UNKNOWN


def seen_through(points: np.ndarray, frame: CameraFrame) -> np.ndarray:
    """Which of (N, 3) world points the camera looks through: nothing is there now. (N,)."""
    u, v, z = project(points, frame)
    depth = np.nan_to_num(frame.depth_m[v, u], nan=0.0, posinf=0.0, neginf=0.0)
    return (u >= 0) & (depth > z + 2.0 * MARGIN_M)
