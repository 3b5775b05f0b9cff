"""What flight and rest alone tell, in closed form: centre of mass, gravity, size, first twist.

The tracked origin is the middle of the cube; it wobbles about the ballistic path of the centre of
mass as the cube turns, and that wobble says where the centre of mass is. The first frame of a
recording is where a hand lets go, so that its twist is off from that of the flight; by how much,
relative to the direction of travel, is measured here too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.constants import GRAVITY_MPS2
from sakiyomi_data.tosses.recordings import Tosses

NUM_RELEASE_FRAMES = 4  # frames after which the hand has let go
MIN_CORNER_HEIGHT_M = 0.005
MIN_FLIGHT_FRAMES = 8  # frames
CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2.0


@dataclass(frozen=True)
class Flight:
    """What the flights of some tosses have in common."""

    center_m: np.ndarray  # (3,) centre of mass from the tracked origin, body frame
    gravity_mps2: float
    width_m: float
    errors: np.ndarray  # (M, 6) what the first twist lacks, in the frame of travel


def estimate_flight(tosses: Tosses) -> Flight:
    """From all flights of at least `MIN_FLIGHT_FRAMES` frames."""
    center, gravity = _center_and_gravity(tosses)
    errors = [_first_error(tosses, i, frames, center, gravity) for i, frames in _flights(tosses)]
    known = np.array(errors) if errors else np.zeros((1, 6))
    return Flight(center, gravity, _rest_width(tosses), known)


def travel_frame(velocity: np.ndarray) -> np.ndarray:
    """World axes along the level direction of travel, to its left, and up. Shape (N, 3, 3)."""
    level = velocity[:, :2] / (np.linalg.norm(velocity[:, :2], axis=1, keepdims=True) + 1e-6)
    zero, one = np.zeros(len(level)), np.ones(len(level))
    ahead = np.stack([level[:, 0], level[:, 1], zero], 1)
    left = np.stack([-level[:, 1], level[:, 0], zero], 1)
    return np.stack([ahead, left, np.stack([zero, zero, one], 1)], 2)


def _matrices(tosses: Tosses, i: int, frames: int) -> np.ndarray:
    return Rotation.from_quat(tosses.rotation[i, :frames], scalar_first=True).as_matrix()


def _flights(tosses: Tosses) -> list[tuple[int, int]]:
    """Index and frames before the first contact, of tosses that fly for long enough."""
    found = []
    for i, length in enumerate(tosses.length):
        corners = _matrices(tosses, i, length) @ (tosses.width_m * CORNERS).T  # (T, 3, 8)
        low = corners[:, 2].min(1) + tosses.position[i, :length, 2] < MIN_CORNER_HEIGHT_M
        frames = int(low.argmax()) - 1
        if frames - NUM_RELEASE_FRAMES >= MIN_FLIGHT_FRAMES:
            found.append((i, frames))
    return found


def _center_and_gravity(tosses: Tosses) -> tuple[np.ndarray, float]:
    """Least squares of x_0 + v_0 t - R c - g t^2 / 2, with x_0 and v_0 projected out."""
    normal, right = 1e-9 * np.eye(4), np.zeros(4)
    right[3] = 1e-9 * GRAVITY_MPS2
    for i, frames in _flights(tosses):
        t = np.arange(NUM_RELEASE_FRAMES, frames) / tosses.rate_hz
        R = _matrices(tosses, i, frames)[NUM_RELEASE_FRAMES:]
        line = np.stack([np.ones_like(t), t], 1)
        rest = np.eye(len(t)) - line @ np.linalg.pinv(line)
        for axis in range(3):
            fall = -0.5 * t**2 * (axis == 2)
            columns = rest @ np.column_stack([-R[:, axis], fall])
            normal += columns.T @ columns
            right += columns.T @ (rest @ tosses.position[i, NUM_RELEASE_FRAMES:frames, axis])
    solution = np.linalg.solve(normal, right)
    return solution[:3], float(solution[3])


def _first_error(
    tosses: Tosses, i: int, frames: int, center: np.ndarray, gravity: float
) -> np.ndarray:
    t = np.arange(NUM_RELEASE_FRAMES, frames) / tosses.rate_hz
    R = _matrices(tosses, i, frames)
    path = tosses.position[i, :frames] + R @ center
    fall = np.outer(-0.5 * t**2, [0.0, 0.0, gravity])
    line = np.stack([np.ones_like(t), t], 1)
    velocity = np.linalg.lstsq(line, path[NUM_RELEASE_FRAMES:] - fall, rcond=None)[0][1]
    spin = R[0] @ tosses.spin[i, NUM_RELEASE_FRAMES:frames].mean(0)
    first = R[0] @ tosses.spin[i, 0]
    moved = tosses.velocity[i, 0] + np.cross(first, R[0] @ center)
    axes = travel_frame(tosses.velocity[i : i + 1, 0])[0]
    return np.r_[axes.T @ (velocity - moved), axes.T @ (spin - first)]


def _rest_width(tosses: Tosses) -> float:
    """Twice the height of the middle at the end, of the tosses that end on a face."""
    last = tosses.position[np.arange(len(tosses)), tosses.length - 1, 2]
    resting = last[np.abs(2.0 * last / tosses.width_m - 1.0) < 0.1]
    return 2.0 * float(np.median(resting)) if len(resting) else tosses.width_m
