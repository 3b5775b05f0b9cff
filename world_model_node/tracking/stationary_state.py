"""An object at rest: its pose is fixed, its surface grows, its centroid is averaged."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, make_transform, rotation_vector, skew, transform_points
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.body import Body
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.surface.centroid import estimate_centroid
from world_model_node.tracking.surface.registration import PosePrior, Registration, register


class StationaryState:
    """One stay of a body at one place.

    Args:
        body: the body.
        after_motion: whether a tracked motion ended here. The integrated surface then carries all
            registration errors of that motion, and is worse evidence of the centroid than a new
            view.
    """

    def __init__(self, body: Body, after_motion: bool = False) -> None:
        self.body, self.after_motion = body, after_motion
        self.config = body.config.stationary
        self.T_world_object = body.T_world_object
        self.frames = 0
        self._typical_share = 0.0
        self._full_views = self._mismatch_frames = 0
        self._typical_inlier_share: float | None = None
        self._mean_step, self.mean_step_m = np.zeros(6), 0.0
        self._checked_position_m: np.ndarray | None = None  # of the last registered measurement
        self._update_reference()

    def _update_reference(self) -> None:
        """Renew the surface that motion is measured by.

        The reference lacks the newest points, which would hide a slow motion.
        """
        self._reference = self.body.shape.registration_target()
        self._T_reference = self.T_world_object

    def has_moved(self, measurement: ObjectMeasurement) -> bool:
        """Whether the surface has been displaced, at once or little by little."""
        if self._seems_unchanged(measurement):
            self._checked_position_m = None
            return False
        self._checked_position_m = measurement.position_m
        config, seen = self.config, measurement.registration_points(self.body.config.registration)
        typical, fit = self._typical_inlier_share, self._register(seen, self._T_reference, 2)
        if typical is None:
            typical = max(fit.inlier_share, config.min_typical_inlier_share)
        if fit.inlier_share < typical - config.suspect_drop:
            fit = self._register(seen, fit.T_world_object, 5)
        self._measure_step(seen, fit)
        self.fit = fit
        share = max(fit.inlier_share, typical - config.suspect_drop)
        self._typical_inlier_share = typical + config.inlier_share_gain * (share - typical)
        worse = fit.inlier_share < typical - config.motion_drop
        moved = self.step_m > config.max_step_m or self.mean_step_m > config.max_mean_step_m
        return worse or moved

    def _register(self, seen_m: np.ndarray, T_start: np.ndarray, iterations: int) -> Registration:
        config = self.config
        prior = PosePrior(config.prior_sigma_m, config.prior_sigma_rad)
        registration = self.body.config.registration
        return register(
            self._reference, seen_m, T_start, iterations, prior, registration, config.num_samples
        )

    def _measure_step(self, seen_m: np.ndarray, fit: Registration) -> None:
        """Measure the displacement of the seen points (N, 3) from the reference pose."""
        few = seen_m[:: max(1, len(seen_m) // self.config.num_step_points)].astype(float)
        center = few.mean(axis=0)
        D = fit.T_world_object @ inverse(self._T_reference)
        shift = transform_points(D, center[None])[0] - center
        step = np.concatenate([shift, rotation_vector(D[:3, :3])])
        self._mean_step = self._mean_step + self.config.mean_step_gain * (step - self._mean_step)
        arm = few - center
        self.step_m, self.mean_step_m = (_rms_motion(s, arm) for s in (step, self._mean_step))

    def _seems_unchanged(self, measurement: ObjectMeasurement) -> bool:
        """Whether the last check and the measured position both allow to skip a check."""
        config = self.config
        if (
            self.frames < config.settled_frames
            or self._checked_position_m is None
            or self.mean_step_m > config.negligible_step_m
        ):
            return False
        step_m = np.linalg.norm(measurement.position_m - self._checked_position_m)
        return bool(step_m < config.recheck_m)

    def update(
        self,
        measurement: ObjectMeasurement,
        visibility: VisibilityModel,
        table_height_m: float,
        update_index: int,
    ) -> None:
        """Integrate a measurement; a well-known surface only every few updates."""
        self.frames += 1
        body, config = self.body, self.config
        if self.frames < 4 or (self.frames + update_index) % config.reference_period_frames == 0:
            self._update_reference()
        is_well_known = self._full_views > config.num_full_views
        if is_well_known and update_index % config.update_period_frames:
            self._apply_pose()
            return
        local = transform_points(inverse(self.T_world_object), measurement.points_m)
        nearest = body.shape.nearest(local)
        outlier_share = np.mean(nearest[0] > config.outlier_m)
        if outlier_share > config.max_outlier_share and self._full_views > 2:
            self.tolerate_mismatch(measurement)
            return
        self._mismatch_frames = 0
        share = body.integrate(measurement, self.T_world_object, visibility, True, nearest)
        self._typical_share = max(0.99 * self._typical_share, share)
        if share > config.full_view_share * self._typical_share:
            self._average_centroid(measurement, visibility, table_height_m)
        self._apply_pose()

    def tolerate_mismatch(self, measurement: ObjectMeasurement) -> None:
        """Skip a measurement that contains the surface and more: an error of the segmentation."""
        self._mismatch_frames += 1
        if self._mismatch_frames > self.config.max_mismatch_frames:
            self._mismatch_frames = 0
            self.body.reset_surface(measurement, self.T_world_object)
            self._full_views = 0
        self._apply_pose()

    def _apply_pose(self) -> None:
        body, config = self.body, self.config
        body.filter.set_stationary(
            self.T_world_object[:3, 3],
            config.position_sigma_m,
            body.config.parameters.rest_speed_mps,
        )
        body.angular_velocity = np.zeros(3)
        body.angular_velocity_P = np.eye(3) * config.angular_sigma_radps**2

    def _average_centroid(
        self, measurement: ObjectMeasurement, visibility: VisibilityModel, table_height_m: float
    ) -> None:
        """Move the frame's origin within the shape towards the centroid of the surface."""
        body, max_views = self.body, self.config.num_full_views
        self._full_views += 1
        if self.after_motion:
            gain, surface = 1.0 / min(self._full_views, max_views), measurement.points_m
        else:
            gain, surface = 1.0 / min(self._full_views + 1, max_views), body.reliable_points()
        centroid = estimate_centroid(surface, table_height_m, body.config.centroid)
        shift = gain * (centroid - body.filter.position_m)
        body.uncertainty.update_shares(surface, visibility, gain)
        body.shift_origin(shift)
        self.T_world_object = make_transform(
            self.T_world_object[:3, :3], self.T_world_object[:3, 3] + shift
        )
        body.update_appearance(measurement)


def _rms_motion(twist: np.ndarray, arms: np.ndarray) -> float:
    """The r.m.s. displacement [m] of points (N, 3) around the centre of a small motion (6,)."""
    displacements = twist[:3] + arms @ skew(twist[3:]).T
    return float(np.sqrt(np.mean(np.sum(displacements**2, axis=1))))
