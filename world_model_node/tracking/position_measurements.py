"""Where a moving object was at the instants at which sensors saw it since the last frame.

Its known surface is laid on what each sensor saw last. Earlier frames of the same camera show the
same side of it, so that they are compared with each other, which is surer: errors of the surface
are the same in all of them.
"""

from __future__ import annotations

import numpy as np

from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.multiple_model_filter import PositionMeasurement
from world_model_node.tracking.registration import (
    RegistrationTarget,
    rotation_from_vector,
    rotation_vector,
)
from world_model_node.tracking.sensor_observation import (
    SensorObservation,
    crop_object,
    locate_surface,
    mean_shift,
)

SIMULTANEOUS_S = 0.02  # of the last frame's stamp
SHIFT_SIGMA_M = 0.001  # standard deviation of a shift between two frames
EDGE_SIGMA_SHARE = 0.15  # of its size, by how many of its points are at an edge, which waver
ROTATION_SIGMA_SHARE = 0.08  # of its size, and by how far it has turned


class PoseInterpolation:
    """Evenly from one pose (4, 4) to another, `dt_s` later; before, at a velocity (3,)."""

    def __init__(
        self, T_from: np.ndarray, velocity_mps: np.ndarray, T_to: np.ndarray, dt_s: float
    ) -> None:
        self.start_m, self.velocity_mps = T_from[:3, 3], velocity_mps
        self.end_m, self.R = T_to[:3, 3], T_to[:3, :3]
        self.translation_m = T_from[:3, 3] - self.end_m
        self._rotation_vector, self._dt_s = rotation_vector(T_to[:3, :3] @ T_from[:3, :3].T), dt_s

    def rotation_to(self, age_s: float) -> np.ndarray:
        """From how it is turned at the end to how it was before (3, 3)."""
        return rotation_from_vector(-self._fraction(age_s) * self._rotation_vector)

    def rotation_angle_rad(self, age_s: float) -> float:
        """The angle of that."""
        return self._fraction(age_s) * float(np.linalg.norm(self._rotation_vector))

    def translation_guesses(self, age_s: float) -> list[np.ndarray]:
        """Guesses (3,) [m] at the way back: a part of it, none, all of it."""
        return [
            self._fraction(age_s) * self.translation_m,
            0.0 * self.translation_m,
            self.translation_m,
        ]

    def _fraction(self, age_s: float) -> float:
        return min(1.0, age_s / max(self._dt_s, 1e-6))


def measure_positions(
    target: RegistrationTarget,
    interpolation: PoseInterpolation,
    own_m: np.ndarray,
    frame: FrameContext,
) -> list[PositionMeasurement]:
    """What each sensor tells of it.

    Args:
        target: its known surface.
        interpolation: from where it was at the last frame to where the surface fits now.
        own_m: its points (N, 3) of this frame, world frame.
        frame: with what was seen since the last one.
    """
    frames = [g for g in frame.sensor_observations if g.stream == 'camera']
    newest = min(frames, key=lambda g: g.age_s, default=None)
    registered = {
        g: _register_in(target, interpolation, g, frame)
        for g in frame.sensor_observations
        if g is newest or g not in frames
    }
    measurements = [measurement for measurement in registered.values() if measurement is not None]
    if newest is None or not len(own_m):
        return measurements
    newest_m = interpolation.end_m if registered[newest] is None else registered[newest].position_m
    same_m = crop_object(newest, own_m)
    shifts = _shifts(sorted(frames, key=lambda g: g.age_s), interpolation, same_m, newest_m)
    first = max(shifts, key=lambda g: g.age_s)
    ahead_s = frame.dt_s - first.age_s
    if ahead_s > SIMULTANEOUS_S or first is newest:
        return measurements
    # the last frame's frame is among them: it was then where it was known to be
    start_m = interpolation.start_m + ahead_s * interpolation.velocity_mps - shifts.pop(first)
    size_m = float(np.linalg.norm(np.ptp(target.points_m, axis=0)))
    edges_m = EDGE_SIGMA_SHARE * size_m / np.sqrt(len(same_m))
    for observation, shift in shifts.items():
        if observation.age_s > frame.dt_s:
            continue  # the last frame knows better
        rotation_angle_rad = interpolation.rotation_angle_rad(
            first.age_s
        ) - interpolation.rotation_angle_rad(observation.age_s)
        turned_m = ROTATION_SIGMA_SHARE * size_m * rotation_angle_rad
        covariance = (SHIFT_SIGMA_M**2 + edges_m**2 + turned_m**2) * np.eye(3)
        measurements.append(
            PositionMeasurement(frame.dt_s - observation.age_s, start_m + shift, covariance)
        )
    return measurements


def _shifts(
    frames: list[SensorObservation],
    interpolation: PoseInterpolation,
    own_m: np.ndarray,
    newest_m: np.ndarray,
) -> dict[SensorObservation, np.ndarray]:
    """How far (3,) [m] from where the newest frame shows it the others do; newest first."""
    newest = frames[0]
    shifts, last, before = {newest: np.zeros(3)}, np.zeros(3), np.zeros(3)
    for observation in frames[1:]:
        age_s = observation.age_s - newest.age_s
        starts = [*interpolation.translation_guesses(age_s), 2.0 * last - before]
        shift = mean_shift(
            observation, (own_m - newest_m) @ interpolation.rotation_to(age_s).T + newest_m, starts
        )
        if shift is not None:
            shifts[observation], last, before = shift, shift, last
    return shifts


def _register_in(
    target: RegistrationTarget,
    interpolation: PoseInterpolation,
    observation: SensorObservation,
    frame: FrameContext,
) -> PositionMeasurement | None:
    starts = [
        interpolation.end_m + step for step in interpolation.translation_guesses(observation.age_s)
    ]
    located = locate_surface(
        observation, target, interpolation.rotation_to(observation.age_s) @ interpolation.R, starts
    )
    return (
        None if located is None else PositionMeasurement(frame.dt_s - observation.age_s, *located)
    )
