"""Displacement of an object between two frames of one camera, by mean shift.

Both frames show the same side of the object, so that the displacement of its mean is that of the
object (Comaniciu and Meer, Mean shift, PAMI 2002, with a box for a kernel).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.tracking.surface.shape_config import MeanShiftConfig
from world_model_node.tracking.surface.surface_alignment import crop_box


class _Moments(NamedTuple):
    """Moments of the points in a box."""

    count: int
    mean: np.ndarray  # (3,) m
    spread: np.ndarray  # (3,) standard deviation, m


def crop_object(
    observation: SensorObservation, own_m: np.ndarray, config: MeanShiftConfig
) -> np.ndarray:
    """The points (K, 3) of a frame in the box around the points (N, 3) of an object."""
    low, high = own_m.min(axis=0) - config.margin_m, own_m.max(axis=0) + config.margin_m
    return crop_box(observation.points_m, low, high)


def mean_shift(
    observation: SensorObservation,
    own_m: np.ndarray,
    starts_m: list[np.ndarray],
    config: MeanShiftConfig,
) -> np.ndarray | None:
    """The displacement (3,) [m] of an object to another frame; None unless seen alone and whole.

    Args:
        observation: the other frame.
        own_m: the points (N, 3) of the object in the one.
        starts_m: guessed displacements.
        config: the tuning of the search.
    """
    if len(own_m) < config.min_points:
        return None
    low, high = own_m.min(axis=0) - config.margin_m, own_m.max(axis=0) + config.margin_m
    own = _Moments(len(own_m), own_m.mean(axis=0), own_m.std(axis=0))
    best, smallest = None, 1.0
    for start in starts_m:
        shift, found = _converge(observation.points_m, low, high, own.mean, start, config)
        if found.count < config.min_points:
            continue
        dissimilarity = _dissimilarity(found, own, config)
        if dissimilarity < smallest:
            best, smallest = shift, dissimilarity
    return best


def _converge(
    points: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    centroid: np.ndarray,
    shift: np.ndarray,
    config: MeanShiftConfig,
) -> tuple[np.ndarray, _Moments]:
    """The shift of a box that converges on the points, and the moments of those in the box."""
    for _ in range(config.max_iterations):
        found = _Moments(*_box_moments(points, low + shift, high + shift))
        if found.count < config.min_points:
            break
        before, shift = shift, found.mean - centroid
        if np.abs(shift - before).max() < config.converged_m:
            break
    return shift, found


def _dissimilarity(found: _Moments, own: _Moments, config: MeanShiftConfig) -> float:
    """The difference of two sets of points, in tolerances."""
    return max(
        abs(np.log(found.count / own.count)) / config.log_count_tolerance,
        np.abs(found.spread - own.spread).max() / config.spread_tolerance_m,
    )


@compiled
def _box_moments(points, low, high):
    """Number of the points (N, 3) in a box, their mean (3,) and standard deviation (3,)."""
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
