"""Which points of a cloud belong to the robot itself.

Each link is the convex hull of its geometry with all faces moved outwards by a margin, kept as a
grid of cells in the link's frame: to test a point is to look up one cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull

from sakiyomi.robot_model import RobotModel

MARGIN_M = 0.015
FINGER_MARGIN_M = 0.006  # small, or the filter eats what the fingers hold
PLANE_SPACING_RAD = 0.2
CELLS_PER_MARGIN = 3


class SelfFilter:
    """Finds points on or near the arm, from the joint angles alone."""

    def __init__(
        self,
        robot: RobotModel,
        margin_m: float = MARGIN_M,
        finger_margin_m: float = FINGER_MARGIN_M,
    ):
        """Inflate the links by `margin_m`, those that the finger joints move by the other."""
        self.robot = robot
        fingers = {robot.model.getJointId(name) for name in robot.finger_joint_names}
        self._solids = [
            _inflated(part, link.name, finger_margin_m if link.joint_id in fingers else margin_m)
            for link in robot.links
            for part in link.parts_m
        ]

    def mask(
        self, points_m: np.ndarray, q: np.ndarray, finger_width_m: float = 0.08
    ) -> np.ndarray:
        """Whether each point lies within the inflated robot.

        Args:
            points_m: world frame [m]. Shape (N, 3).
            q: arm angles [rad]. Shape (n,).
            finger_width_m: opening between the pads [m].

        Returns:
            Shape (N,) bool; False for points that are not finite.
        """
        columns = np.ascontiguousarray(np.asarray(points_m, dtype=np.float32).T)  # (3, N)
        T_world_links = self.robot.link_poses(q, finger_width_m)
        boxes = [solid.world_box(T_world_links[solid.link]) for solid in self._solids]
        low = np.min([box[0] for box in boxes], axis=0)
        high = np.max([box[1] for box in boxes], axis=0)
        near = np.flatnonzero(_in_box(columns, low, high))
        columns = columns[:, near]
        inside = np.zeros(len(near), dtype=bool)
        for solid, box in zip(self._solids, boxes, strict=True):
            candidates = np.flatnonzero(_in_box(columns, *box) & ~inside)
            if len(candidates):
                T = T_world_links[solid.link]
                inside[candidates] = solid.contains(columns[:, candidates], T)
        result = np.zeros(len(points_m), dtype=bool)
        result[near[inside]] = True
        return result

    def remove(
        self, points_m: np.ndarray, q: np.ndarray, finger_width_m: float = 0.08
    ) -> np.ndarray:
        """The points (M, 3) that are not the robot's."""
        return points_m[~self.mask(points_m, q, finger_width_m)]


@dataclass(frozen=True, eq=False)
class _Solid:
    """An inflated convex part of a link, in the link frame."""

    link: str
    low: np.ndarray  # (3,) corner of the grid [m]
    cell_m: float
    occupied: np.ndarray  # (X, Y, Z) bool

    def world_box(self, T_world_link: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corners (3,), (3,) of an axis-aligned box in the world that holds the solid."""
        half = np.array(self.occupied.shape) * self.cell_m / 2
        R = T_world_link[:3, :3]
        center = R @ (self.low + half) + T_world_link[:3, 3]
        return (center - np.abs(R) @ half).astype(np.float32), (center + np.abs(R) @ half).astype(
            np.float32
        )

    def contains(self, columns: np.ndarray, T_world_link: np.ndarray) -> np.ndarray:
        """(3, N) world points -> (N,) bool."""
        R, t = T_world_link[:3, :3], T_world_link[:3, 3]
        to_grid = (R.T / self.cell_m).astype(np.float32)
        offset = ((R.T @ t + self.low) / self.cell_m).astype(np.float32)
        # einsum, as a BLAS that spreads so small a product over threads loses milliseconds
        cells = np.einsum('ij,jn->in', to_grid, columns) - offset[:, None]
        shape = np.array(self.occupied.shape, dtype=np.float32)
        within = np.flatnonzero(_in_box(cells, np.zeros(3, np.float32), shape - 0.001))
        i, j, k = cells[:, within].astype(np.intp)
        result = np.zeros(columns.shape[1], dtype=bool)
        result[within] = self.occupied[i, j, k]
        return result


def _inflated(points_m: np.ndarray, link: str, margin_m: float) -> _Solid:
    cell_m = margin_m / CELLS_PER_MARGIN
    low, high = points_m.min(axis=0) - margin_m, points_m.max(axis=0) + margin_m
    counts = np.ceil((high - low) / cell_m).astype(int)
    x, y, z = (low[i] + (np.arange(counts[i]) + 0.5) * cell_m for i in range(3))
    occupied = np.ones(counts, dtype=bool)
    for normal in _spread(ConvexHull(points_m).equations[:, :3]):
        reach = (points_m @ normal).max() + margin_m
        plane = (normal[0] * x)[:, None] + normal[1] * y  # (X, Y)
        occupied &= plane[:, :, None] <= reach - normal[2] * z
    return _Solid(link, low, cell_m, occupied)


def _spread(normals: np.ndarray) -> np.ndarray:
    """A subset with no two directions closer than the spacing; fewer planes hold a bit more."""
    kept = normals[:1]
    for normal in normals[1:]:
        if (kept @ normal).max() < np.cos(PLANE_SPACING_RAD):
            kept = np.vstack([kept, normal])
    return kept


def _in_box(columns: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    x, y, z = columns
    inside = (x >= low[0]) & (x <= high[0])
    inside &= (y >= low[1]) & (y <= high[1])
    inside &= (z >= low[2]) & (z <= high[2])
    return inside
