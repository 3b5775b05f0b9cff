"""An object in motion: its surface is registered in each frame until the object stops."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import make_transform, rotation_vector
from world_model_node.inputs.hand_state import is_near_hand
from world_model_node.tracking.body import Body
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.kalman_filter import FrictionWeights
from world_model_node.tracking.multiple_model_filter import PositionMeasurement
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.pose_guesses import PoseGuesses
from world_model_node.tracking.position_measurements import PoseInterpolation, measure_positions
from world_model_node.tracking.rest_detector import RestDetector
from world_model_node.tracking.surface.registration import (
    PosePrior,
    Registration,
    register_from_guesses,
)


class MovingState:
    """One stretch of motion of a body."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.config = body.config.moving
        self.fit: Registration | None = None
        self.sliding_probability = 0.0  # probability that friction brakes the object
        self.rest_detector = RestDetector(body.T_world_object, body.config)
        self._steady: float | None = None  # probability of steady motion; None: was at rest

    @property
    def has_stopped(self) -> bool:
        """Whether the object has come to rest."""
        return self.rest_detector.has_stopped

    def register(self, measurement: ObjectMeasurement, frame: FrameContext) -> Registration | None:
        """The pose at which the surface fits the measurement, or None if there is none."""
        body, config, registration = self.body, self.config, self.body.config.registration
        sigma_rad = self._predict_rotation_sigma(frame.dt_s)
        is_steady = (self._steady or 0.0) > config.min_steady_probability
        guesses = PoseGuesses(body, measurement, frame, sigma_rad)
        fit = register_from_guesses(
            body.shape.registration_target(),
            measurement.registration_points(registration),
            guesses.poses(self.rest_detector.T_previous, is_steady),
            config.iterations,
            PosePrior(config.prior_sigma_m, sigma_rad),
            registration,
        )
        self.fit = fit if fit.inlier_share > registration.min_inlier_share else None
        return self.fit

    def _predict_rotation_sigma(self, dt_s: float) -> float:
        """Add the noise of a time step to the rotation; returns its standard deviation."""
        body, config = self.body, self.config
        noise = np.eye(3) * (config.angular_sigma_radps * dt_s) ** 2
        body.rotation_P = body.rotation_P + noise
        sigma_rad = np.sqrt(np.trace(body.rotation_P) / 3.0)
        return float(np.clip(sigma_rad, config.min_prior_sigma_rad, config.max_prior_sigma_rad))

    def update(
        self,
        measurement: ObjectMeasurement,
        fit: Registration | None,
        frame: FrameContext,
        unsupported: bool,
    ) -> None:
        """Update the body by a measurement; `unsupported`: the object is above the table."""
        body, near_hand = self.body, self._near_hand(frame)
        self.sliding_probability = 0.0
        body.uncertainty.accumulate_drift(
            self.config.unregistered_inlier_share if fit is None else fit.inlier_share
        )
        self._update_position(measurement, fit, frame, unsupported, near_hand)
        if self._steady is None:
            self._steady = body.config.filter.multiple_model.initial_steady_probability
        self._update_rotation(fit, frame.dt_s)
        if fit is None:
            if not near_hand:  # the hand may occlude all but a fragment
                body.reset_surface(measurement, body.T_world_object)
        elif fit.inlier_share > body.config.registration.good_inlier_share:
            body.integrate(measurement, fit.T_world_object, frame.visibility, stationary=False)
        T = body.T_world_object if fit is None else fit.T_world_object
        self.rest_detector.update(measurement.points_m, T, registered=fit is not None)

    def _update_position(
        self,
        measurement: ObjectMeasurement,
        fit: Registration | None,
        frame: FrameContext,
        unsupported: bool,
        near_hand: bool,
    ) -> None:
        """Update the filter by the positions in all frames, the fit, or else the cluster."""
        body, sigma_m = self.body, self.body.config.parameters.position_sigma_m
        if fit is None:
            sigma = np.hypot(sigma_m, self.config.unregistered_sigma_share * body.extent_m)
            body.filter.update(body.measured_centroid(measurement), np.diag(sigma**2))
        elif seen := self._position_measurements(measurement, fit, frame, near_hand):
            slides = not (unsupported or near_hand)
            friction = self._friction(fit, frame) if slides else None
            self._update_multiple_model(seen, friction, frame, unsupported)
        else:
            noise = fit.covariance[:3, :3] + np.eye(3) * (0.5 * sigma_m) ** 2
            body.filter.update(fit.T_world_object[:3, 3], noise)

    def _update_multiple_model(
        self,
        seen: list[PositionMeasurement],
        friction: FrictionWeights | None,
        frame: FrameContext,
        unsupported: bool,
    ) -> None:
        self._steady, weights = self.body.filter.update_multiple_model(
            frame.dt_s, seen, self._steady, unsupported, friction, frame.gravity_mps2
        )
        if weights is not None:
            self.body.friction_weights = weights
            self.sliding_probability = 1.0 - float(weights[0])

    def _near_hand(self, frame: FrameContext) -> bool:
        """Whether the hand may push the object or occlude a part of it."""
        T = frame.T_world_grasp
        c = self.body.config.parameters
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
        config, prior = self.body.config, self.body.filter.prior
        T_last = make_transform(self.rest_detector.T_previous[:3, :3], prior[:3])
        travel = PoseInterpolation(T_last, prior[3:], fit.T_world_object, frame.dt_s)
        own_m = measurement.registration_points(config.registration)
        if near_hand:  # the hand occludes another part in each frame
            own_m = own_m[:0]
        target = self.body.shape.registration_target()
        return measure_positions(target, travel, own_m, frame, config)

    def _friction(self, fit: Registration, frame: FrameContext) -> FrictionWeights | None:
        """The decelerations by friction with their weights; None where the object tips."""
        R_previous = self.rest_detector.T_previous[:3, :3]
        rotated = rotation_vector(fit.T_world_object[:3, :3] @ R_previous.T)
        if np.linalg.norm(rotated[:2]) > self.config.tipping_radps * max(frame.dt_s, 1e-3):
            return None
        grid, weights = self.body.friction_grid, self.body.friction_weights
        if weights is None:
            weights = grid.prior_weights
        else:
            weights = grid.predict(weights, was_stationary=self._steady is None)
        return FrictionWeights(weights, grid.values * frame.gravity_mps2)

    def _update_rotation(self, fit: Registration | None, dt_s: float) -> None:
        body = self.body
        body.angular_velocity_P = np.eye(3) * self.config.angular_sigma_radps**2
        if fit is None:
            body.rotation_P = np.eye(3) * body.config.parameters.rotation_sigma_rad**2
            body.angular_velocity = np.zeros(3)
            return
        R = fit.T_world_object[:3, :3]
        if dt_s > 1e-6:
            rotated = rotation_vector(R @ body.R_world_object.T) / dt_s
            smoothing = self.config.angular_velocity_smoothing
            body.angular_velocity = rotated + smoothing * (body.angular_velocity - rotated)
        body.R_world_object = R
        body.rotation_P = fit.covariance[3:, 3:]
