"""What one range sensor saw at its own instant, and where a surface lies in it.

Camera and LiDAR look up to half a frame apart, and what slides at 1 m/s is then in two places: one
cloud of both shows it smeared. Each by itself says where it was when.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sakiyomi.compiled import compiled
from sakiyomi.geometry import make_transform
from world_model_node.tracking.registration import (
    INLIER_M,
    MIN_INLIER_SHARE,
    NUM_CORRELATED_POINTS,
    NUM_FINE_SAMPLES,
    Registration,
    RegistrationTarget,
    register_from_guesses,
)

SIGMA_M = {'camera': 0.002, 'lidar': 0.005}  # of a point
MIN_SIGMA_M = 0.003  # of a place, by the errors of the remembered surface
UNCONSTRAINED_SIGMA_M = 0.02  # along directions in which no surface seen holds it
CROP_MARGIN_M = 0.015
MIN_POINTS = 8
PRIOR_SIGMA_M, PRIOR_SIGMA_RAD = 0.02, 0.03
OBJECT_MARGIN_M = 0.008  # around what is looked for in another frame of the same camera
MAX_SHIFTS, CONVERGED_M = 6, 2e-4  # of the mean
LOG_COUNT_TOLERANCE, SPREAD_TOLERANCE_M = 0.3, 0.004  # or what is there is not the same alone


@dataclass(frozen=True)
class SensorObservation:
    """What one sensor saw; worked out when something that moves asks for it."""

    stream: str  # 'camera' or 'lidar'
    age_s: float  # at the stamp of the frame that it belongs to
    compute_points: Callable[[], np.ndarray]

    @cached_property
    def points_m(self) -> np.ndarray:
        """Points above the table that are not the robot's, where they were seen (N, 3) float32."""
        return self.compute_points()


def locate_surface(
    observation: SensorObservation,
    target: RegistrationTarget,
    R_world_object: np.ndarray,
    starts_m: list[np.ndarray],
) -> tuple[np.ndarray, np.ndarray] | None:
    """Where a surface is in a glance (3,) [m], and the covariance (3, 3); None where it is not.

    Args:
        observation: what was seen.
        target: the surface, in the object's frame.
        R_world_object: how it is turned (3, 3).
        starts_m: places (3,) to look for it at.
    """
    own = crop_around(observation, target, R_world_object, starts_m)
    fit = align(target, own, starts_m, [R_world_object], PRIOR_SIGMA_RAD)
    if fit is None or fit.inlier_share < MIN_INLIER_SHARE:
        return None
    T = fit.T_world_object
    return T[:3, 3], _covariance(
        target, (own - T[:3, 3]) @ T[:3, :3], T, SIGMA_M[observation.stream]
    )


def align(
    target: RegistrationTarget,
    own_m: np.ndarray,
    positions_m: list[np.ndarray],
    rotations: list[np.ndarray],
    sigma_rad: float,
) -> Registration | None:
    """How a surface lies on what was seen around it; None where that is too little.

    Args:
        target: the surface, in the object's frame.
        own_m: points (K, 3) of `crop_around`.
        positions_m: guesses (3,) at where it is.
        rotations: guesses (3, 3) at how it is turned.
        sigma_rad: how far those may be off.
    """
    if len(own_m) < MIN_POINTS:
        return None
    starts = [make_transform(R, m) for R in rotations for m in positions_m]
    return register_from_guesses(target, own_m, starts, PRIOR_SIGMA_M, sigma_rad, (3, 5))


def crop_around(
    observation: SensorObservation,
    target: RegistrationTarget,
    R_world_object: np.ndarray,
    positions_m: list[np.ndarray],
) -> np.ndarray:
    """The points (K, 3) of an observation where a surface may be."""
    surface = target.points_m @ R_world_object.T
    low = np.min(positions_m, axis=0) + surface.min(axis=0) - CROP_MARGIN_M
    high = np.max(positions_m, axis=0) + surface.max(axis=0) + CROP_MARGIN_M
    return crop_box(observation.points_m, low, high)


def crop_object(observation: SensorObservation, own_m: np.ndarray) -> np.ndarray:
    """The points (K, 3) of an observation that are where the points (N, 3) of an object are."""
    return crop_box(
        observation.points_m,
        own_m.min(axis=0) - OBJECT_MARGIN_M,
        own_m.max(axis=0) + OBJECT_MARGIN_M,
    )


def mean_shift(
    observation: SensorObservation, own_m: np.ndarray, starts_m: list[np.ndarray]
) -> np.ndarray | None:
    """How far (3,) [m] what a camera saw once has to go to where another frame shows it.

    The same side is seen in both, so that its mean tells (mean shift: Comaniciu and Meer, Mean
    shift, PAMI 2002, with a box for a kernel). None where no such thing is seen, or not it alone.

    Args:
        observation: the other frame.
        own_m: the points (N, 3) of the object in the one.
        starts_m: guesses at the shift.
    """
    if len(own_m) < MIN_POINTS:
        return None
    low, high, centroid = (
        own_m.min(axis=0) - OBJECT_MARGIN_M,
        own_m.max(axis=0) + OBJECT_MARGIN_M,
        own_m.mean(axis=0),
    )
    spread, best, smallest = own_m.std(axis=0), None, 1.0
    for start in starts_m:
        shift, count, width = start, 0, spread
        for _ in range(MAX_SHIFTS):
            count, mean, width = _box_moments(observation.points_m, low + shift, high + shift)
            if count < MIN_POINTS:
                break
            before, shift = shift, mean - centroid
            if np.abs(shift - before).max() < CONVERGED_M:
                break
        if count < MIN_POINTS:
            continue
        dissimilarity = max(
            abs(np.log(count / len(own_m))) / LOG_COUNT_TOLERANCE,
            np.abs(width - spread).max() / SPREAD_TOLERANCE_M,
        )
        if dissimilarity < smallest:
            best, smallest = shift, dissimilarity
    return best


@compiled
def _box_moments(points, low, high):
    """How many of (N, 3) points are in a box, their mean (3,) and standard deviation (3,)."""
    count, total, square = 0, np.zeros(3), np.zeros(3)
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        if low[0] < x < high[0] and low[1] < y < high[1] and low[2] < z < high[2]:
            count += 1
            for k in range(3):
                at = float(points[n, k])
                total[k] += at
                square[k] += at * at
    mean = total / max(count, 1)
    return count, mean, np.sqrt(np.maximum(square / max(count, 1) - mean * mean, 0.0))


def crop_box(points_m: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The points (N, 3) in a box."""
    return points_m[((points_m > low) & (points_m < high)).all(axis=1)]


def _covariance(
    target: RegistrationTarget, local: np.ndarray, T: np.ndarray, sigma_m: float
) -> np.ndarray:
    """By the surfaces that are seen: each holds it along its normal only. Shape (3, 3)."""
    distance, index = target.grid.nearest(local)
    normals = target.normals[index[distance < INLIER_M]] @ T[:3, :3].T
    each = min(1.0, NUM_FINE_SAMPLES / max(len(normals), 1)) / (NUM_CORRELATED_POINTS * sigma_m**2)
    information = each * normals.T @ normals + np.eye(3) / UNCONSTRAINED_SIGMA_M**2
    return np.linalg.inv(information) + MIN_SIGMA_M**2 * np.eye(3)
