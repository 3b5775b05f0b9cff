"""Straight lines of the grasp frame."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from sakiyomi.geometry import make_transform, rotation_angle

RADIANS_PER_METRE = 5.0  # a turn of this much counts as one metre of travel


def travel_m(T_start: np.ndarray, T_goal: np.ndarray) -> float:
    """How far the hand goes: the distance, or the turn where that is the longer."""
    turn = rotation_angle(T_start[:3, :3].T @ T_goal[:3, :3])
    return max(float(np.linalg.norm(T_goal[:3, 3] - T_start[:3, 3])), turn / RADIANS_PER_METRE)


def straight_line(T_start: np.ndarray, T_goal: np.ndarray, step_m: float) -> np.ndarray:
    """Poses on the line from start to goal, both included: linear and slerp. Shape (S, 4, 4)."""
    count = max(1, int(np.ceil(travel_m(T_start, T_goal) / step_m)))
    share = np.linspace(0.0, 1.0, count + 1)
    ends = Rotation.from_matrix(np.stack([T_start[:3, :3], T_goal[:3, :3]]))
    rotations = Slerp([0.0, 1.0], ends)(share).as_matrix()
    positions = T_start[:3, 3] + share[:, None] * (T_goal[:3, 3] - T_start[:3, 3])
    return np.stack([make_transform(R, p) for R, p in zip(rotations, positions, strict=True)])
