"""Initial guesses of a moving object's pose, from which registration starts."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import make_transform, rotation_from_vector, rotation_vector
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.tracking.body import Body
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.motion_models import roll
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.surface.surface_alignment import SurfaceAligner


class PoseGuesses:
    """Guesses for one object in one update.

    Args:
        body: the object, predicted to the stamp of the update.
        measurement: its points.
        frame: the update.
        sigma_rad: standard deviation of the rotation.
    """

    def __init__(
        self, body: Body, measurement: ObjectMeasurement, frame: FrameContext, sigma_rad: float
    ) -> None:
        self.body, self.measurement, self.frame = body, measurement, frame
        self.sigma_rad = sigma_rad
        self.config = body.config.moving
        self.aligner = SurfaceAligner(body.config.alignment, body.config.registration)

    def poses(self, T_previous: np.ndarray, is_steady: bool) -> list[np.ndarray]:
        """Poses (4, 4) of steady motion, of sliding to the measurement, and of rolling there.

        Args:
            T_previous: the pose (4, 4) of the previous update.
            is_steady: whether the motion is probably steady.
        """
        body, seen_m = self.body, self.body.measured_centroid(self.measurement)
        rotations = self._rotations(is_steady)
        guesses = [make_transform(rotations[0], body.filter.position_m)]
        guesses += [make_transform(R, seen_m) for R in rotations]
        radius_m = max(0.5 * body.extent_m[2], self.config.min_roll_radius_m)
        rolled = roll(seen_m - T_previous[:3, 3], radius_m)
        if np.linalg.norm(rolled) > self.config.min_roll_rad:
            R = rotation_from_vector(rolled) @ body.R_world_object
            guesses.append(make_transform(R, seen_m))
        return guesses

    def _rotations(self, is_steady: bool) -> list[np.ndarray]:
        """Rotations (3, 3), followed through the camera's frames since the previous update."""
        dt_s, small_rad = self.frame.dt_s, self.config.small_rotation_rad
        R, rate, past_s = self.body.R_world_object, self.body.angular_velocity, 0.0
        frames = sorted(self.frame.camera_observations, key=lambda o: -o.age_s)
        if is_steady and np.linalg.norm(rate) * dt_s < small_rad:
            frames = []  # a steady motion without rotation is predicted well
        for observation in frames:
            after_s = dt_s - observation.age_s
            rotated = self._rotation_in(observation, R, rate, past_s)
            if rotated is not None:
                rate = rotation_vector(rotated @ R.T) / (after_s - past_s)
                R, past_s = rotated, after_s
        first = rotation_from_vector(rate * (dt_s - past_s)) @ R
        others = [R, self.body.R_world_object] if past_s else [R]
        return [first, *(other for other in others if _angle(first @ other.T) > small_rad)]

    def _rotation_in(
        self, observation: SensorObservation, R: np.ndarray, rate: np.ndarray, past_s: float
    ) -> np.ndarray | None:
        """The rotation (3, 3) in an intermediate frame, from that at an earlier time; or None."""
        dt_s, margin_s = self.frame.dt_s, self.body.config.position.simultaneous_s
        after_s = dt_s - observation.age_s
        if not margin_s < after_s < dt_s - margin_s:
            return None
        target, prior = self.body.shape.registration_target(), self.body.filter.prior
        travel = self.body.measured_centroid(self.measurement) - prior[:3]
        positions = [prior[:3] + after_s * prior[3:], prior[:3] + after_s / dt_s * travel]
        rotated = rotation_from_vector(rate * (after_s - past_s)) @ R
        is_other = _angle(rotated @ R.T) > self.config.small_rotation_rad
        rotations = [rotated, R] if is_other else [R]
        own = self.aligner.crop_around(observation, target, rotations[0], positions)
        fit = self.aligner.align(target, own, positions, rotations, self.sigma_rad)
        if fit is None or fit.inlier_share <= self.body.config.registration.min_inlier_share:
            return None
        return fit.T_world_object[:3, :3]


def _angle(R: np.ndarray) -> float:
    return float(np.linalg.norm(rotation_vector(R)))
