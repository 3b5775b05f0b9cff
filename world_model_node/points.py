"""Weighted, coloured points of the world frame: what every range sensor is turned into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GREY = 128.0


@dataclass(frozen=True)
class PointSet:
    """Points with the noise of each."""

    points_m: np.ndarray  # (N, 3) float32 world frame
    sigma_m: np.ndarray  # (N,) float32 noise of the position
    colors: np.ndarray  # (N, 3) float32 in [0, 255]; grey where unknown
    colored: np.ndarray  # (N,) float32 share of the weight that carries colour, in [0, 1]

    def __len__(self) -> int:
        return len(self.points_m)

    def __getitem__(self, keep: np.ndarray | slice) -> PointSet:
        return PointSet(
            self.points_m[keep], self.sigma_m[keep], self.colors[keep], self.colored[keep]
        )


def no_points() -> PointSet:
    """A set of no points."""
    rows = np.zeros((0, 3), np.float32)
    return PointSet(rows, np.zeros(0, np.float32), rows.copy(), np.zeros(0, np.float32))


def joined(sets: list[PointSet]) -> PointSet:
    """All the points of several sets."""
    if not sets:
        return no_points()
    return PointSet(
        np.concatenate([s.points_m for s in sets]),
        np.concatenate([s.sigma_m for s in sets]),
        np.concatenate([s.colors for s in sets]),
        np.concatenate([s.colored for s in sets]),
    )


def voxel_fused(points: PointSet, voxel_m: float) -> PointSet:
    """One point per occupied voxel: the inverse-variance mean of what fell into it."""
    return fused(points, voxel_of(points.points_m, voxel_m))


def voxel_of(points: np.ndarray, voxel_m: float) -> np.ndarray:
    """The index of each point's voxel among the occupied ones, 0 upward. Shape (N,)."""
    if not len(points):
        return np.zeros(0, int)
    cell = np.floor(points / voxel_m).astype(np.int64)
    cell -= cell.min(axis=0)
    _, ny, nz = cell.max(axis=0) + 1
    key = (cell[:, 0] * ny + cell[:, 1]) * nz + cell[:, 2]
    return np.unique(key, return_inverse=True)[1]


def fused(points: PointSet, voxel: np.ndarray) -> PointSet:
    """One point per group 0 .. M-1 named in `voxel` (N,): the inverse-variance mean."""
    if not len(points):
        return points
    weight = 1.0 / points.sigma_m.astype(float) ** 2
    total = np.bincount(voxel, weight)
    color_weight = weight * points.colored
    color_total = np.bincount(voxel, color_weight)
    position = _weighted(points.points_m, voxel, weight, total)
    color = _weighted(points.colors, voxel, color_weight, np.maximum(color_total, 1e-9))
    color[color_total <= 0.0] = GREY
    sigma = np.sqrt(1.0 / total).astype(np.float32)
    return PointSet(position, sigma, color, (color_total / total).astype(np.float32))


def _weighted(
    values: np.ndarray, voxel: np.ndarray, weight: np.ndarray, total: np.ndarray
) -> np.ndarray:
    sums = [np.bincount(voxel, weight * values[:, axis], len(total)) for axis in range(3)]
    return (np.stack(sums, axis=1) / total[:, None]).astype(np.float32)
