"""Disturbances by the push and throw buttons."""

from __future__ import annotations

import numpy as np

from sakiyomi.constants import GRAVITY_MPS2

THROW_FROM_M = np.array([0.95, -0.55, 0.35])  # beside the camera, outside the arm's reach
THROW_TO_M = np.array([0.50, 0.0, 0.05])  # above the middle of the workspace
THROW_SPREAD_M = 0.06
WORKSPACE_CENTER_M = np.array([0.50, 0.0])


def throw_velocity(start_m: np.ndarray, target_m: np.ndarray, flight_s: float) -> np.ndarray:
    """The launch velocity (3,) [m/s] that brings a body to the target in that time."""
    gained_mps = flight_s * np.array([0.0, 0.0, -GRAVITY_MPS2])
    return (target_m - start_m) / flight_s - 0.5 * gained_mps


def random_throw(rng: np.random.Generator, flight_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Start (3,) [m] and velocity (3,) [m/s] of a throw to about the workspace's middle."""
    offset = np.append(rng.uniform(-THROW_SPREAD_M, THROW_SPREAD_M, 2), 0.0)
    return THROW_FROM_M, throw_velocity(THROW_FROM_M, THROW_TO_M + offset, flight_s)


def inward_push(position_m: np.ndarray, impulse_ns: float) -> np.ndarray:
    """The horizontal impulse (3,) [N s] that moves an object towards the workspace's middle."""
    direction = WORKSPACE_CENTER_M - position_m[:2]
    distance = float(np.linalg.norm(direction))
    if distance < 0.02:  # in the middle any direction is as good
        direction, distance = np.array([0.0, 1.0]), 1.0
    return np.append(direction / distance, 0.0) * impulse_ns
