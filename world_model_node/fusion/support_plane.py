"""Find the table: a robust plane near z = 0 that a crowd of objects cannot lift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world_model_node.config import WorkspaceConfig

BIN_M = 0.002
MIN_POINTS = 200
MAX_POINTS = 3000


@dataclass(frozen=True)
class SupportPlane:
    """The surface z = slope . (x, y) + offset of the world frame."""

    slope: np.ndarray  # (2,)
    offset_m: float

    def height_of(self, points: np.ndarray) -> np.ndarray:
        """Heights [m] of (N, 3) world points above the plane. Shape (N,)."""
        return points[:, 2] - (points[:, :2] @ self.slope + self.offset_m)

    def table_height_m(self, x_m: float, y_m: float) -> float:
        """The plane's z [m] at a point of the table."""
        return float(self.slope[0] * x_m + self.slope[1] * y_m + self.offset_m)


HORIZONTAL = SupportPlane(np.zeros(2), 0.0)


def fit_support(
    points: np.ndarray, workspace: WorkspaceConfig, previous: SupportPlane
) -> SupportPlane:
    """The table in (N, 3) world points; `previous` where too little of it can be seen.

    The lowest strong level of the height histogram starts a least-squares fit whose band
    narrows from 10 to 4 mm, so that flat tops of objects stay outside.
    """
    low = np.flatnonzero(np.abs(points[:, 2]) < workspace.table_band_m)
    p = points[low[:: max(1, len(low) // MAX_POINTS)]].astype(float)
    if len(p) < MIN_POINTS:
        return previous
    plane = SupportPlane(np.zeros(2), lowest_strong_level(p[:, 2], workspace.table_band_m))
    for band_m in (0.010, 0.007, 0.004):
        near = p[np.abs(plane.height_of(p)) < band_m]
        if len(near) < MIN_POINTS:
            return previous
        plane = _least_squares(near)
    if np.linalg.norm(plane.slope) > np.tan(workspace.table_tilt_rad):
        return previous
    return plane


def lowest_strong_level(z: np.ndarray, band_m: float) -> float:
    """The lowest height whose histogram peak is at least 30 % of the highest one."""
    counts, edges = np.histogram(z, np.arange(-band_m, band_m + BIN_M, BIN_M))
    smooth = np.convolve(counts, np.ones(3), mode='same')
    peak = int(np.argmax(smooth >= 0.3 * smooth.max()))
    while peak + 1 < len(smooth) and smooth[peak + 1] > smooth[peak]:
        peak += 1
    return float(edges[peak] + 0.5 * BIN_M)


def blend(previous: SupportPlane, current: SupportPlane, weight: float) -> SupportPlane:
    """The plane between two, `weight` of the way to the current one."""
    slope = previous.slope + weight * (current.slope - previous.slope)
    return SupportPlane(slope, previous.offset_m + weight * (current.offset_m - previous.offset_m))


def _least_squares(p: np.ndarray) -> SupportPlane:
    center = p.mean(axis=0)
    d = p - center
    slope = np.linalg.lstsq(d[:, :2].T @ d[:, :2], d[:, :2].T @ d[:, 2], rcond=None)[0]
    return SupportPlane(slope, float(center[2] - center[:2] @ slope))
