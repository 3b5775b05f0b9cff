"""Positions of a moving object at the stamps of the sensor frames since the last update.

The known surface is aligned with the newest frame of each sensor. Earlier frames of the same
camera show the same side of the object and are compared with each other, which is more precise:
errors of the surface are the same in all of them.
"""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import rotation_from_vector, rotation_vector
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.multiple_model_filter import PositionMeasurement
from world_model_node.tracking.surface.mean_shift import crop_object, mean_shift
from world_model_node.tracking.surface.registration import RegistrationTarget
from world_model_node.tracking.surface.surface_alignment import SurfaceAligner
from world_model_node.tracking.tracker_config import TrackerConfig

Shifts = dict[SensorObservation, np.ndarray]  # (3,) m, newest frame first


class PoseInterpolation:
    """Even motion from one pose (4, 4) to another, `dt_s` later; before, at a velocity (3,)."""

    def __init__(
        self, T_from: np.ndarray, velocity_mps: np.ndarray, T_to: np.ndarray, dt_s: float
    ) -> None:
        self.start_m, self.velocity_mps = T_from[:3, 3], velocity_mps
        self.end_m, self.R = T_to[:3, 3], T_to[:3, :3]
        self.translation_m = T_from[:3, 3] - self.end_m
        self._rotation_vector, self._dt_s = rotation_vector(T_to[:3, :3] @ T_from[:3, :3].T), dt_s

    def rotation_to(self, age_s: float) -> np.ndarray:
        """The rotation (3, 3) from the end to a time before."""
        return rotation_from_vector(-self._fraction(age_s) * self._rotation_vector)

    def rotation_angle_rad(self, age_s: float) -> float:
        """The angle of that rotation."""
        return self._fraction(age_s) * float(np.linalg.norm(self._rotation_vector))

    def translation_guesses(self, age_s: float) -> list[np.ndarray]:
        """Guessed translations (3,) [m] from the end to a time before: part, none, all."""
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
    config: TrackerConfig,
) -> list[PositionMeasurement]:
    """The positions by each sensor's newest frame, and by the camera's earlier frames.

    Args:
        target: the known surface.
        interpolation: from the pose of the last update to the pose registered now.
        own_m: the object's points (N, 3) of this update, world frame.
        frame: the sensor frames since the last update.
        config: the tuning of tracking.
    """
    frames = sorted(frame.camera_observations, key=lambda o: o.age_s)
    newest = frames[0] if frames else None
    aligner = SurfaceAligner(config.alignment, config.registration)
    registered = {
        o: _register_in(o, aligner, target, interpolation, frame.dt_s)
        for o in frame.sensor_observations
        if o is newest or o not in frames
    }
    measurements = [measurement for measurement in registered.values() if measurement is not None]
    if newest is None or not len(own_m):
        return measurements
    newest_m = interpolation.end_m if registered[newest] is None else registered[newest].position_m
    same_m = crop_object(newest, own_m, config.mean_shift)
    shifts = _shifts(frames, interpolation, same_m, newest_m, config)
    size_m = float(np.linalg.norm(np.ptp(target.points_m, axis=0)))
    return measurements + _intermediate(
        shifts, interpolation, frame.dt_s, size_m, len(same_m), config
    )


def _intermediate(
    shifts: Shifts,
    interpolation: PoseInterpolation,
    dt_s: float,
    size_m: float,
    num_points: int,
    config: TrackerConfig,
) -> list[PositionMeasurement]:
    """The positions in the camera's frames after the last update, relative to its frame.

    None without a frame of the last update, at which the position was known.
    """
    c = config.position
    first, newest = max(shifts, key=lambda o: o.age_s), next(iter(shifts))
    ahead_s = dt_s - first.age_s
    if ahead_s > c.simultaneous_s or first is newest:
        return []
    start_m = interpolation.start_m + ahead_s * interpolation.velocity_mps - shifts.pop(first)
    edges_m = c.edge_sigma_share * size_m / np.sqrt(num_points)
    first_rad, measurements = interpolation.rotation_angle_rad(first.age_s), []
    for observation, shift in shifts.items():
        if observation.age_s > dt_s:
            continue  # the last update included this frame
        rotated_rad = first_rad - interpolation.rotation_angle_rad(observation.age_s)
        rotated_m = c.rotation_sigma_share * size_m * rotated_rad
        covariance = (c.shift_sigma_m**2 + edges_m**2 + rotated_m**2) * np.eye(3)
        measurements.append(
            PositionMeasurement(dt_s - observation.age_s, start_m + shift, covariance)
        )
    return measurements


def _shifts(
    frames: list[SensorObservation],
    interpolation: PoseInterpolation,
    own_m: np.ndarray,
    newest_m: np.ndarray,
    config: TrackerConfig,
) -> Shifts:
    """The displacement from the newest frame to each frame in which the object is seen whole."""
    newest = frames[0]
    shifts, last, before = {newest: np.zeros(3)}, np.zeros(3), np.zeros(3)
    for observation in frames[1:]:
        age_s = observation.age_s - newest.age_s
        starts = [*interpolation.translation_guesses(age_s), 2.0 * last - before]
        rotated_m = (own_m - newest_m) @ interpolation.rotation_to(age_s).T + newest_m
        shift = mean_shift(observation, rotated_m, starts, config.mean_shift)
        if shift is not None:
            shifts[observation], last, before = shift, shift, last
    return shifts


def _register_in(
    observation: SensorObservation,
    aligner: SurfaceAligner,
    target: RegistrationTarget,
    interpolation: PoseInterpolation,
    dt_s: float,
) -> PositionMeasurement | None:
    age_s = observation.age_s
    starts = [interpolation.end_m + step for step in interpolation.translation_guesses(age_s)]
    R = interpolation.rotation_to(age_s) @ interpolation.R
    located = aligner.locate(observation, target, R, starts)
    return None if located is None else PositionMeasurement(dt_s - age_s, *located)
