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
from world_model_node.surface.registration import (
    CORRELATED,
    FINE,
    FITS,
    INLIER_M,
    Fit,
    ShapeView,
    best_fit,
)

SIGMA_M = {'camera': 0.002, 'lidar': 0.005}  # of a point
FLOOR_M = 0.003  # of a place, by the errors of the remembered surface
LOOSE_M = 0.02  # along directions in which no surface seen holds it
AROUND_M = 0.015
LEAST_POINTS = 8
PRIOR_M, PRIOR_RAD = 0.02, 0.03
RIM_M = 0.008  # around what is looked for in another frame of the same camera
SHIFTS, SETTLED_M = 6, 2e-4  # of the mean
AS_MANY, AS_WIDE_M = 0.3, 0.004  # or what is there is not the same alone


@dataclass(frozen=True)
class Glance:
    """What one sensor saw; worked out when something that moves asks for it."""

    stream: str  # 'camera' or 'lidar'
    age_s: float  # at the stamp of the look that it belongs to
    seen: Callable[[], np.ndarray]

    @cached_property
    def points_m(self) -> np.ndarray:
        """Points above the table that are not the robot's, where they were seen (N, 3) float32."""
        return self.seen()


def place_in(
    glance: Glance, view: ShapeView, R_world_object: np.ndarray, starts_m: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Where a surface is in a glance (3,) [m], and the covariance (3, 3); None where it is not.

    Args:
        glance: what was seen.
        view: the surface, in the object's frame.
        R_world_object: how it is turned (3, 3).
        starts_m: places (3,) to look for it at.
    """
    own = around(glance, view, R_world_object, starts_m)
    fit = laid(view, own, starts_m, [R_world_object], PRIOR_RAD)
    if fit is None or fit.inliers < FITS:
        return None
    T = fit.T_world_object
    return T[:3, 3], _covariance(view, (own - T[:3, 3]) @ T[:3, :3], T, SIGMA_M[glance.stream])


def laid(
    view: ShapeView,
    own_m: np.ndarray,
    places_m: list[np.ndarray],
    rotations: list[np.ndarray],
    sigma_rad: float,
) -> Fit | None:
    """How a surface lies on what was seen around it; None where that is too little.

    Args:
        view: the surface, in the object's frame.
        own_m: points (K, 3) of `around`.
        places_m: guesses (3,) at where it is.
        rotations: guesses (3, 3) at how it is turned.
        sigma_rad: how far those may be off.
    """
    if len(own_m) < LEAST_POINTS:
        return None
    starts = [make_transform(R, m) for R in rotations for m in places_m]
    return best_fit(view, own_m, starts, PRIOR_M, sigma_rad, (3, 5))


def around(
    glance: Glance, view: ShapeView, R_world_object: np.ndarray, places_m: list[np.ndarray]
) -> np.ndarray:
    """The points (K, 3) of a glance where a surface may be."""
    surface = view.points_m @ R_world_object.T
    low = np.min(places_m, axis=0) + surface.min(axis=0) - AROUND_M
    high = np.max(places_m, axis=0) + surface.max(axis=0) + AROUND_M
    return within(glance.points_m, low, high)


def shown(glance: Glance, own_m: np.ndarray) -> np.ndarray:
    """The points (K, 3) of a glance that are where the points (N, 3) of an object are."""
    return within(glance.points_m, own_m.min(axis=0) - RIM_M, own_m.max(axis=0) + RIM_M)


def shift_to(glance: Glance, own_m: np.ndarray, starts_m: list[np.ndarray]) -> np.ndarray | None:
    """How far (3,) [m] what a camera saw once has to go to where another frame shows it.

    The same side is seen in both, so that its mean tells (mean shift: Comaniciu and Meer, Mean
    shift, PAMI 2002, with a box for a kernel). None where no such thing is seen, or not it alone.

    Args:
        glance: the other frame.
        own_m: the points (N, 3) of the object in the one.
        starts_m: guesses at the shift.
    """
    if len(own_m) < LEAST_POINTS:
        return None
    low, high, middle = own_m.min(axis=0) - RIM_M, own_m.max(axis=0) + RIM_M, own_m.mean(axis=0)
    spread, best, least = own_m.std(axis=0), None, 1.0
    for start in starts_m:
        shift, count, width = start, 0, spread
        for _ in range(SHIFTS):
            count, mean, width = _moments(glance.points_m, low + shift, high + shift)
            if count < LEAST_POINTS:
                break
            before, shift = shift, mean - middle
            if np.abs(shift - before).max() < SETTLED_M:
                break
        if count < LEAST_POINTS:
            continue
        unlike = max(
            abs(np.log(count / len(own_m))) / AS_MANY, np.abs(width - spread).max() / AS_WIDE_M
        )
        if unlike < least:
            best, least = shift, unlike
    return best


@compiled
def _moments(points, low, high):
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


def within(points_m: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The points (N, 3) in a box."""
    return points_m[((points_m > low) & (points_m < high)).all(axis=1)]


def _covariance(view: ShapeView, local: np.ndarray, T: np.ndarray, sigma_m: float) -> np.ndarray:
    """By the surfaces that are seen: each holds it along its normal only. Shape (3, 3)."""
    distance, index = view.grid.nearest(local)
    normals = view.normals[index[distance < INLIER_M]] @ T[:3, :3].T
    each = min(1.0, FINE / max(len(normals), 1)) / (CORRELATED * sigma_m**2)
    information = each * normals.T @ normals + np.eye(3) / LOOSE_M**2
    return np.linalg.inv(information) + FLOOR_M**2 * np.eye(3)
