"""An object in motion: its surface is laid on what is seen, until that stays the same."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import make_transform
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.inputs.hand_state import is_near_hand
from world_model_node.tracking.body import Body
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.friction_grid import PRIOR_WEIGHTS, predict_weights
from world_model_node.tracking.multiple_model_filter import (
    INITIAL_STEADY_PROBABILITY,
    PositionMeasurement,
)
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.position_measurements import (
    SIMULTANEOUS_S,
    PoseInterpolation,
    measure_positions,
)
from world_model_node.tracking.registration import (
    GOOD_INLIER_SHARE,
    MIN_INLIER_SHARE,
    Registration,
    register_from_guesses,
    rms_displacement,
    rotation_from_vector,
    rotation_vector,
)
from world_model_node.tracking.sensor_observation import align, crop_around

LOST_INLIER_SHARE = 0.4  # without a fit
ANGULAR_SIGMA_RADPS = 2.0
ANGULAR_VELOCITY_SMOOTHING = 0.3
# so little turning, and so probably going on as before
SMALL_ROTATION_RAD, STEADY_PROBABILITY = 0.1, 0.5
STATIONARY_M = 0.002
NUM_STILL_FRAMES = 2  # fits that agree
UNCHANGED_M, UNCHANGED_PERCENT, NUM_UNCHANGED_FRAMES = 0.0028, 90, 3  # or views that do
NUM_COMPARED_POINTS, NUM_STEP_POINTS = 50, 20  # samples
GRID_BOX_M = 0.006  # of the grid that two views are compared in
TIPPING_RADPS = 2.0  # what turns so fast about a level axis rolls or tips
UNREGISTERED_SIGMA_SHARE = 0.06  # of its size: where the centroid is by what is seen in part


class MovingState:
    """One stretch of motion of a body."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.fit: Registration | None = None
        self.sliding_probability = 0.0  # how likely it is that friction brakes it
        self._steady: float | None = None  # how steady; None: it has rested
        self._still_frames = self._unchanged_frames = 0
        self._reference_m: np.ndarray | None = None
        self._T_previous = body.T_world_object

    @property
    def has_stopped(self) -> bool:
        """Whether it has come to rest."""
        return (
            self._still_frames >= NUM_STILL_FRAMES
            or self._unchanged_frames >= NUM_UNCHANGED_FRAMES
        )

    def register(self, measurement: ObjectMeasurement, frame: FrameContext) -> Registration | None:
        """The pose at which the surface lies on what is seen, or None if there is none."""
        body, registration_target = self.body, self.body.shape.registration_target()
        body.rotation_P = body.rotation_P + np.eye(3) * (ANGULAR_SIGMA_RADPS * frame.dt_s) ** 2
        sigma_rad = float(np.clip(np.sqrt(np.trace(body.rotation_P) / 3.0), 0.1, 0.5))
        guesses = self._pose_guesses(
            measurement, self._rotation_guesses(measurement, frame, sigma_rad)
        )
        fit = register_from_guesses(
            registration_target,
            measurement.registration_points_m,
            guesses,
            0.02,
            sigma_rad,
            (2, 6),
        )
        self.fit = fit if fit.inlier_share > MIN_INLIER_SHARE else None
        return self.fit

    def _rotation_guesses(
        self, measurement: ObjectMeasurement, frame: FrameContext, sigma_rad: float
    ) -> list[np.ndarray]:
        """Guesses (3, 3) at how it is turned, by the camera's frames between the frames."""
        body, registration_target = self.body, self.body.shape.registration_target()
        prior_m, velocity = body.filter.prior[:3], body.filter.prior[3:]
        travel = body.measured_centroid(measurement) - prior_m
        R, rate, past_s = body.R_world_object, body.angular_velocity, 0.0
        frames = [g for g in frame.sensor_observations if g.stream == 'camera']
        if (self._steady or 0.0) > STEADY_PROBABILITY and np.linalg.norm(
            rate
        ) * frame.dt_s < SMALL_ROTATION_RAD:
            frames = []  # it goes on without turning
        for observation in sorted(frames, key=lambda g: -g.age_s):
            after_s = frame.dt_s - observation.age_s
            if not SIMULTANEOUS_S < after_s < frame.dt_s - SIMULTANEOUS_S:
                continue
            positions = [prior_m + after_s * velocity, prior_m + after_s / frame.dt_s * travel]
            rotated = rotation_from_vector(rate * (after_s - past_s)) @ R
            rotations = [rotated, R] if _angle(rotated @ R.T) > SMALL_ROTATION_RAD else [R]
            own = crop_around(observation, registration_target, rotations[0], positions)
            fit = align(registration_target, own, positions, rotations, sigma_rad)
            if fit is not None and fit.inlier_share > MIN_INLIER_SHARE:
                now = fit.T_world_object[:3, :3]
                rate, R, past_s = rotation_vector(now @ R.T) / (after_s - past_s), now, after_s
        first = rotation_from_vector(rate * (frame.dt_s - past_s)) @ R
        others = [R, body.R_world_object] if past_s else [R]
        return [first, *(T for T in others if _angle(first @ T.T) > SMALL_ROTATION_RAD)]

    def _pose_guesses(
        self, measurement: ObjectMeasurement, rotations: list[np.ndarray]
    ) -> list[np.ndarray]:
        """Guesses at the pose: going on as before, sliding to what is seen, and rolling there."""
        body, seen_m, R = (
            self.body,
            self.body.measured_centroid(measurement),
            self.body.R_world_object,
        )
        guesses = [make_transform(rotations[0], body.filter.position_m)]
        guesses += [make_transform(turn, seen_m) for turn in rotations]
        travel = seen_m - self._T_previous[:3, 3]
        radius = 0.5 * body.extent_m[2]
        roll = np.array([-travel[1], travel[0], 0.0]) / max(radius, 0.01)
        if np.linalg.norm(roll) > 0.15:
            guesses.append(make_transform(rotation_from_vector(roll) @ R, seen_m))
        return guesses

    def update(
        self,
        measurement: ObjectMeasurement,
        fit: Registration | None,
        frame: FrameContext,
        unsupported: bool,
    ) -> None:
        """Take in what was seen; `unsupported`: nothing carries it but what is not seen."""
        body, config, near_hand = self.body, self.body.config, self._near_hand(frame)
        self.sliding_probability = 0.0
        body.accumulate_drift(LOST_INLIER_SHARE if fit is None else fit.inlier_share)
        if fit is None:
            sigma = np.hypot(config.position_sigma_m, UNREGISTERED_SIGMA_SHARE * body.extent_m)
            body.filter.update(body.measured_centroid(measurement), np.diag(sigma**2))
        elif seen := self._position_measurements(measurement, fit, frame, near_hand):
            friction_weights = (
                None if unsupported or near_hand else self._predicted_friction_weights(fit, frame)
            )
            arguments = seen, self._steady, unsupported, friction_weights, frame.gravity_mps2
            self._steady, friction_weights = body.filter.update_multiple_model(
                frame.dt_s, *arguments
            )
            if friction_weights is not None:
                body.friction_weights, self.sliding_probability = (
                    friction_weights,
                    1.0 - float(friction_weights[0]),
                )
        else:
            noise = fit.covariance[:3, :3] + np.eye(3) * (0.5 * config.position_sigma_m) ** 2
            body.filter.update(fit.T_world_object[:3, 3], noise)
        self._steady = INITIAL_STEADY_PROBABILITY if self._steady is None else self._steady
        self._update_rotation(fit, frame.dt_s)
        if fit is None:
            if not near_hand:  # which may cover all but a fragment
                body.reset_surface(measurement, body.T_world_object)
        elif fit.inlier_share > GOOD_INLIER_SHARE:
            body.integrate(measurement, fit.T_world_object, frame.visibility, stationary=False)
        self._count_still_frames(measurement, fit)

    def _near_hand(self, frame: FrameContext) -> bool:
        """Whether the hand may push it or cover a part of it."""
        T = frame.T_world_grasp
        c = self.body.config
        return T is not None and is_near_hand(
            self.body.world_points(), T, c.hand_margin_m, c.finger_length_m
        )

    def _position_measurements(
        self,
        measurement: ObjectMeasurement,
        fit: Registration,
        frame: FrameContext,
        near_hand: bool,
    ) -> list[PositionMeasurement]:
        prior = self.body.filter.prior
        T_last = make_transform(self._T_previous[:3, :3], prior[:3])
        travel = PoseInterpolation(T_last, prior[3:], fit.T_world_object, frame.dt_s)
        # what the hand covers in one frame it shows in another: the same side is not seen then
        own_m = (
            measurement.registration_points_m[:0]
            if near_hand
            else measurement.registration_points_m
        )
        return measure_positions(self.body.shape.registration_target(), travel, own_m, frame)

    def _predicted_friction_weights(
        self, fit: Registration, frame: FrameContext
    ) -> np.ndarray | None:
        """Weights of the frictions that may brake it; None where it does not slide."""
        rotated = rotation_vector(fit.T_world_object[:3, :3] @ self._T_previous[:3, :3].T)
        if np.linalg.norm(rotated[:2]) > TIPPING_RADPS * max(frame.dt_s, 1e-3):
            return None
        prior = self.body.friction_weights
        return (
            PRIOR_WEIGHTS
            if prior is None
            else predict_weights(prior, was_stationary=self._steady is None)
        )

    def _update_rotation(self, fit: Registration | None, dt_s: float) -> None:
        body = self.body
        if fit is None:
            body.rotation_P = np.eye(3) * body.config.rotation_sigma_rad**2
            body.angular_velocity = np.zeros(3)
            body.angular_velocity_P = np.eye(3) * ANGULAR_SIGMA_RADPS**2
            return
        R = fit.T_world_object[:3, :3]
        if dt_s > 1e-6:
            rotated = rotation_vector(R @ body.R_world_object.T) / dt_s
            body.angular_velocity = rotated + ANGULAR_VELOCITY_SMOOTHING * (
                body.angular_velocity - rotated
            )
        body.R_world_object = R
        body.rotation_P = fit.covariance[3:, 3:]
        body.angular_velocity_P = np.eye(3) * ANGULAR_SIGMA_RADPS**2

    def _count_still_frames(
        self, measurement: ObjectMeasurement, fit: Registration | None
    ) -> None:
        """Count how long it has stayed: by the fits, and by what is seen where they are poor."""
        seen = measurement.points_m
        if self._reference_m is not None and _unchanged(self._reference_m, seen):
            self._unchanged_frames += 1
        else:
            self._unchanged_frames, self._reference_m = 0, seen
        T = self.body.T_world_object if fit is None else fit.T_world_object
        few = seen[:: max(1, len(seen) // NUM_STEP_POINTS)].astype(float)
        step = rms_displacement(self._T_previous, T, few)
        self._still_frames = (
            self._still_frames + 1 if step < STATIONARY_M and fit is not None else 0
        )
        self._T_previous = T


def _angle(R: np.ndarray) -> float:
    return float(np.linalg.norm(rotation_vector(R)))


def _unchanged(before_m: np.ndarray, now_m: np.ndarray) -> bool:
    """Whether two views (N, 3) and (M, 3) are of the same surface at the same place."""
    few = now_m[:: max(1, len(now_m) // NUM_COMPARED_POINTS)]
    distance, _ = PointGrid(before_m, GRID_BOX_M).nearest(few)
    return float(np.percentile(distance, UNCHANGED_PERCENT)) < UNCHANGED_M
