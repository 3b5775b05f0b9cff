"""Which points of a cloud belong to the robot itself.

Each link is the convex hull of its geometry with all faces moved outwards by a margin, kept as a
grid of cells in the link's frame: to test a point is to look up one cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from sakiyomi.compiled import compiled
from sakiyomi.robot.robot_model import RobotModel


@dataclass(frozen=True)
class SelfFilterConfig:
    """How far the links are inflated, and how finely.

    Attributes:
        margin_m: inflation of the arm and the palm.
        finger_margin_m: inflation of the fingers; a larger one removes held objects too.
        min_normal_spacing_rad: angle between faces of a hull below which one face stands for both.
        voxels_per_margin: voxels across the margin.
    """

    margin_m: float = 0.015
    finger_margin_m: float = 0.006
    min_normal_spacing_rad: float = 0.2
    voxels_per_margin: int = 3


class SelfFilter:
    """Finds points on or near the arm, from the joint angles alone."""

    def __init__(self, robot: RobotModel, config: SelfFilterConfig) -> None:
        """Inflate the links."""
        self.robot = robot
        fingers = {robot.model.getJointId(name) for name in robot.finger_joint_names}
        margins = [
            config.finger_margin_m if link.joint_id in fingers else config.margin_m
            for link in robot.links
        ]
        self._inflated_parts = [
            _inflated(part, link.name, margin_m, config)
            for link, margin_m in zip(robot.links, margins, strict=True)
            for part in link.convex_parts_m
        ]
        grids = [inflated.occupied for inflated in self._inflated_parts]
        first = np.cumsum([0, *(grid.size for grid in grids[:-1])])
        shape = np.array([grid.shape for grid in grids])
        self._voxels = np.concatenate([grid.ravel() for grid in grids]), first, shape
        corner, nothing = np.zeros((len(grids), 3)), np.zeros((0, 3), np.float32)
        _inside(
            nothing, corner, corner, np.zeros((len(grids), 3, 3)), corner, *self._voxels
        )  # compiles

    def mask(
        self, points_m: np.ndarray, q: np.ndarray, finger_width_m: float | None = None
    ) -> np.ndarray:
        """Whether each point lies within the inflated robot.

        Args:
            points_m: world frame [m]. Shape (N, 3).
            q: arm angles [rad]. Shape (n,).
            finger_width_m: opening between the pads [m]; None for the widest.

        Returns:
            Shape (N,) bool; False for points that are not finite.
        """
        points = np.ascontiguousarray(points_m, dtype=np.float32)
        poses = self.robot.link_poses(q, finger_width_m)
        world_bounds = [
            inflated.world_bounds(poses[inflated.link]) for inflated in self._inflated_parts
        ]
        low, high, to_grid, offset = (np.array(part) for part in zip(*world_bounds, strict=True))
        return _inside(points, low, high, to_grid, offset, *self._voxels)

    def remove(
        self, points_m: np.ndarray, q: np.ndarray, finger_width_m: float | None = None
    ) -> np.ndarray:
        """The points (M, 3) that are not the robot's."""
        return points_m[~self.mask(points_m, q, finger_width_m)]


@dataclass(frozen=True, eq=False)
class _InflatedPart:
    """An inflated convex part of a link, in the link frame."""

    link: str
    low: np.ndarray  # (3,) corner of the grid [m]
    voxel_m: float
    occupied: np.ndarray  # (X, Y, Z) bool

    def world_bounds(self, T_world_link: np.ndarray) -> tuple[np.ndarray, ...]:
        """Corners (3,) of its box in the world; the matrix (3, 3) and offset (3,) to its grid."""
        half = np.array(self.occupied.shape) * self.voxel_m / 2
        R, t = T_world_link[:3, :3], T_world_link[:3, 3]
        center, reach = R @ (self.low + half) + t, np.abs(R) @ half
        parts = (center - reach, center + reach, R.T / self.voxel_m)
        return *parts, (R.T @ t + self.low) / self.voxel_m


@compiled
def _inside(points, low, high, to_grid, offset, occupied, first, shape):
    """Which of (N, 3) points are in a cell that one of the solids (S, .) takes up. Shape (N,)."""
    result = np.zeros(len(points), np.bool_)
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for s in range(len(low)):
            if not (
                low[s, 0] <= x <= high[s, 0]
                and low[s, 1] <= y <= high[s, 1]
                and low[s, 2] <= z <= high[s, 2]
            ):
                continue
            at, within = first[s], True
            for axis in range(3):
                R = to_grid[s, axis]
                place = R[0] * x + R[1] * y + R[2] * z - offset[s, axis]
                within &= 0.0 <= place < shape[s, axis]
                if not within:
                    break
                step = shape[s, 1] * shape[s, 2] if axis == 0 else shape[s, 2] if axis == 1 else 1
                at += int(place) * step
            if within and occupied[at]:
                result[n] = True
                break
    return result


def _inflated(
    points_m: np.ndarray, link: str, margin_m: float, config: SelfFilterConfig
) -> _InflatedPart:
    voxel_m = margin_m / config.voxels_per_margin
    low, high = points_m.min(axis=0) - margin_m, points_m.max(axis=0) + margin_m
    counts = np.ceil((high - low) / voxel_m).astype(int)
    x, y, z = (low[i] + (np.arange(counts[i]) + 0.5) * voxel_m for i in range(3))
    occupied = np.ones(counts, dtype=bool)
    normals = ConvexHull(points_m).equations[:, :3]
    for normal in _distinct_normals(normals, config.min_normal_spacing_rad):
        reach = (points_m @ normal).max() + margin_m
        plane = (normal[0] * x)[:, None] + normal[1] * y  # (X, Y)
        occupied &= plane[:, :, None] <= reach - normal[2] * z
    return _InflatedPart(link, low, voxel_m, occupied)


def _distinct_normals(normals: np.ndarray, spacing_rad: float) -> np.ndarray:
    """A subset with no two directions closer than the spacing; fewer planes enclose a bit more."""
    kept = normals[:1]
    for normal in normals[1:]:
        if (kept @ normal).max() < np.cos(spacing_rad):
            kept = np.vstack([kept, normal])
    return kept
