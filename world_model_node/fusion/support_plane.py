"""The support plane is fitted robustly near z = 0, below any number of objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world_model_node.config import WorkspaceConfig


@dataclass(frozen=True)
class SupportPlane:
    """The surface z = slope . (x, y) + offset of the world frame."""

    slope: np.ndarray  # (2,)
    offset_m: float

    def height_of(self, points: np.ndarray) -> np.ndarray:
        """Compute the heights [m] of (N, 3) world points above the plane. Shape (N,)."""
        return points[:, 2] - (points[:, :2] @ self.slope + self.offset_m)

    def table_height_m(self, x_m: float, y_m: float) -> float:
        """Compute the plane's z [m] at a point of the table."""
        return float(self.slope[0] * x_m + self.slope[1] * y_m + self.offset_m)


HORIZONTAL = SupportPlane(np.zeros(2), 0.0)


def fit_support(
    points: np.ndarray, workspace: WorkspaceConfig, previous: SupportPlane
) -> SupportPlane:
    """Fit the table to (N, 3) world points; return `previous` if too few points show it.

    The lowest peak of the height histogram starts a least-squares fit whose band narrows from 10
    to 4 mm, so that flat tops of objects stay outside.
    """
    low = np.flatnonzero(np.abs(points[:, 2]) < workspace.table_band_m)
    p = points[low[:: max(1, len(low) // workspace.max_table_points)]].astype(float)
    if len(p) < workspace.min_table_points:
        return previous
    level = lowest_peak(p[:, 2], workspace.table_band_m, workspace.table_bin_m)
    plane = SupportPlane(np.zeros(2), level)
    for band_m in (0.010, 0.007, 0.004):
        near = p[np.abs(plane.height_of(p)) < band_m]
        if len(near) < workspace.min_table_points:
            return previous
        plane = _least_squares(near)
    if np.linalg.norm(plane.slope) > np.tan(workspace.table_tilt_rad):
        return previous
    return plane


def lowest_peak(z: np.ndarray, band_m: float, bin_m: float) -> float:
    """Return the lowest height whose histogram peak is at least 30 % of the highest one."""
    counts, edges = np.histogram(z, np.arange(-band_m, band_m + bin_m, bin_m))
    smooth = np.convolve(counts, np.ones(3), mode='same')
    peak = int(np.argmax(smooth >= 0.3 * smooth.max()))
    while peak + 1 < len(smooth) and smooth[peak + 1] > smooth[peak]:
        peak += 1
    return float(edges[peak] + 0.5 * bin_m)


def blend(previous: SupportPlane, current: SupportPlane, weight: float) -> SupportPlane:
    """Interpolate between two planes; weight 1 gives the current one."""
    slope = previous.slope + weight * (current.slope - previous.slope)
    return SupportPlane(slope, previous.offset_m + weight * (current.offset_m - previous.offset_m))


def _least_squares(p: np.ndarray) -> SupportPlane:
    center = p.mean(axis=0)
    d = p - center
    slope = np.linalg.lstsq(d[:, :2].T @ d[:, :2], d[:, :2].T @ d[:, 2], rcond=None)[0]
    return SupportPlane(slope, float(center[2] - center[:2] @ slope))
