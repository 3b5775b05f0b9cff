"""What is known of one object: its pose, its motion and its surface."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.config import TrackingConfig
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.centroid import estimate_centroid, support_height
from world_model_node.tracking.completion import complete_surface
from world_model_node.tracking.kalman_filter import ConstantVelocityFilter
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.shape import MIN_RELIABLE_WEIGHT, Shape
from world_model_node.tracking.shape_uncertainty import (
    occluded_outline_share,
    unobserved_side_share,
)

INITIAL_SPEED_SIGMA_MPS, INITIAL_ANGULAR_SIGMA_RADPS = 0.05, 0.5
MIN_CENTROID_SIGMA_M = 0.001  # standard deviation of the centroid of what is small
# of its size, where no side, or no outline is seen
UNOBSERVED_SIGMA_SHARE, OCCLUDED_SIGMA_SHARE = 0.22, 0.20
DRIFT_SIGMA_M, DRIFT_SIGMA_RAD = 0.0008, 0.1  # per frame of motion, of what the fits add up to
MISFIT_DRIFT_FACTOR = 4.0  # and so much more of the variance where nothing fits
MAX_DRIFT_M, MAX_DRIFT_RAD = 0.012, 1.0
MAX_CONTACT_SHARE = 0.6  # of its size: what is felt farther from the centroid is of something else
COMPLETION_VALID_S = 5.0  # unless the surface grew by a share, or was shifted or turned [m or rad]
MAX_GROWTH, MAX_POSE_CHANGE = 0.03, 0.002


class Body:
    """Pose, motion and surface of an object; its axes are the world's until it turns."""

    def __init__(
        self, measurement: ObjectMeasurement, table_height_m: float, config: TrackingConfig
    ):
        self.config = config
        centroid = estimate_centroid(measurement.points_m, table_height_m)
        self.filter = ConstantVelocityFilter(
            centroid, config.position_sigma_m, INITIAL_SPEED_SIGMA_MPS
        )
        self.R_world_object = np.eye(3)
        self.rotation_P = np.eye(3) * config.rotation_sigma_rad**2
        self.angular_velocity = np.zeros(3)
        self.angular_velocity_P = np.eye(3) * INITIAL_ANGULAR_SIGMA_RADPS**2
        self.friction_weights: np.ndarray | None = None  # weights, by how it slid
        self.drift = 0.0  # frames of motion so far, each by how badly it was seen
        local = transform_points(inverse(self.T_world_object), measurement.points_m)
        self.shape = Shape(local, measurement.colors, config.voxel_m)
        self.completed_m = np.zeros((0, 3), np.float32)  # of its unseen side, in its own frame
        self.completed_s = self._completion_valid_until_s = -np.inf
        self._completion_basis = (self.T_world_object, 0)
        self.chromaticity = measurement.chromaticity
        self.unobserved_share, self.occluded_share = (
            unobserved_side_share(measurement.points_m),
            0.0,
        )
        self.update_appearance(measurement)

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) float32 surface in its own frame."""
        return self.shape.points_m

    @property
    def colors(self) -> np.ndarray:
        """(N, 3) uint8."""
        return self.shape.colors

    @property
    def T_world_object(self) -> np.ndarray:
        """(4, 4) pose."""
        return make_transform(self.R_world_object, self.filter.position_m)

    def world_points(self) -> np.ndarray:
        """(N, 3) float32 surface in the world frame."""
        return transform_points(self.T_world_object, self.points_m)

    def accumulate_drift(self, inlier_share: float) -> None:
        """One more frame of motion: small errors of the fits add up, against its own start."""
        self.drift += 1.0 + MISFIT_DRIFT_FACTOR * (1.0 - inlier_share)

    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of position then rotation, world frame.

        Errors of the middle grow with the object's size and with how much of it has not been seen,
        in all directions alike. The constants were fitted to the errors of 26 000 tracked frames
        of 54 simulated scenes of household objects, for a coverage of 0.9.
        """
        centroid = np.hypot(MIN_CENTROID_SIGMA_M, self.relative_centroid_sigma() * self.extent_m)
        P = np.zeros((6, 6))
        drift_m2 = min(DRIFT_SIGMA_M**2 * self.drift, MAX_DRIFT_M**2)
        P[:3, :3] = self.filter.P[:3, :3] + np.diag(centroid**2 + drift_m2)
        drift_rad2 = min(DRIFT_SIGMA_RAD**2 * self.drift, MAX_DRIFT_RAD**2)
        P[3:, 3:] = self.rotation_P + drift_rad2 * np.eye(3)
        return P

    def relative_centroid_sigma(self) -> float:
        """Standard deviation of the centroid, as a share of its size."""
        shares = (
            UNOBSERVED_SIGMA_SHARE * self.unobserved_share,
            OCCLUDED_SIGMA_SHARE * self.occluded_share**2,
        )
        return float(np.linalg.norm([self.config.centroid_sigma_share, *shares]))

    def twist_covariance(self) -> np.ndarray:
        """(6, 6) of linear then angular velocity, world frame."""
        P = np.zeros((6, 6))
        P[:3, :3], P[3:, 3:] = self.filter.P[3:, 3:], self.angular_velocity_P
        return P

    def measured_centroid(self, measurement: ObjectMeasurement) -> np.ndarray:
        """Where a measurement alone would put the object's centroid (3,) [m]."""
        return measurement.position_m + self.offset_m

    def update_shape_uncertainty(
        self, surface_m: np.ndarray, visibility: VisibilityModel, gain: float
    ) -> None:
        """Take in how much is missing in a surface (N, 3), world frame, as seen from here."""
        self.unobserved_share += gain * (unobserved_side_share(surface_m) - self.unobserved_share)
        self.occluded_share += gain * (
            occluded_outline_share(surface_m, visibility) - self.occluded_share
        )

    def update_appearance(self, measurement: ObjectMeasurement) -> None:
        """Remember what it looks like from here."""
        self.extent_m = measurement.extent_m
        self.volume_m3 = measurement.volume_m3
        if np.isfinite(measurement.chromaticity).all():
            self.chromaticity = measurement.chromaticity
        self.offset_m = self.filter.position_m - measurement.position_m

    def reliable_points(self) -> np.ndarray:
        """(N, 3) float32 surface that was seen more than once, where most was; world frame."""
        return self.world_points()[self.shape.reliable_mask()]

    def shift_origin(self, shift_m: np.ndarray) -> None:
        """Move the frame's origin by (3,), world frame, within the object: no motion."""
        self.filter.x[:3] += shift_m
        local = self.R_world_object.T @ shift_m
        self.shape.shift_origin(local)
        self.completed_m = self.completed_m - local.astype(np.float32)

    def integrate(
        self,
        measurement: ObjectMeasurement,
        T: np.ndarray,
        visibility: VisibilityModel,
        stationary: bool,
        nearest: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> float:
        """Add what was seen of it at a pose; forget what the camera sees through or past.

        Returns the share of the surface known before that was seen again; `nearest` is what
        `Shape.nearest` said of the measurement's points, where that has been asked.
        """
        known = len(self.shape)
        local = transform_points(inverse(T), measurement.points_m)
        seen = self.shape.merge(local, measurement.colors, nearest)
        gap = visibility.depth_residuals(transform_points(T, self.shape.points_m))
        margin_m = visibility.config.margin_m
        self.shape.count_misses(~seen & (gap > margin_m), 3)
        self.shape.count_misses(~seen & (self.shape.weight < MIN_RELIABLE_WEIGHT), 2)
        if stationary:
            self.shape.count_misses(~seen & (np.abs(gap) <= margin_m), 1)
        self.shape.prune()
        return float(seen[:known].mean())

    def integrate_contact(self, points_m: np.ndarray) -> None:
        """Add what a pad touches (M, 3), world frame, as sure as what has been seen again."""
        local = transform_points(inverse(self.T_world_object), points_m)
        local = local[
            np.linalg.norm(local, axis=1) < MAX_CONTACT_SHARE * np.linalg.norm(self.extent_m)
        ]
        if not len(local):
            return
        color = np.median(self.colors, axis=0).astype(np.uint8)
        touched = self.shape.merge(local.astype(np.float32), np.tile(color, (len(local), 1)))
        self.shape.weight[touched] = np.maximum(self.shape.weight[touched], MIN_RELIABLE_WEIGHT)
        self.shape.prune()

    def reset_surface(self, measurement: ObjectMeasurement, T: np.ndarray) -> None:
        """Forget the old surface for what is seen now, at a pose."""
        local = transform_points(inverse(T), measurement.points_m)
        self.shape.replace(local, measurement.colors)
        self.completed_m, self._completion_valid_until_s = self.completed_m[:0], -np.inf
        self.update_appearance(measurement)

    def complete(self, visibility: VisibilityModel, table_height_m: float, stamp_s: float) -> None:
        """Complete the side that has not been seen."""
        T, n = self.T_world_object, len(self.shape)
        self.completed_s = stamp_s
        if stamp_s < self._completion_valid_until_s and self._completion_valid(T, n):
            return
        self._completion_valid_until_s, self._completion_basis = (
            stamp_s + COMPLETION_VALID_S,
            (T, n),
        )
        surface = self.reliable_points()
        floor_m = support_height(surface[:, 2], table_height_m)
        completed = complete_surface(
            surface, T[:3, 3], floor_m, 1.5 * self.config.voxel_m, visibility
        )
        self.completed_m = transform_points(inverse(T), completed)

    def _completion_valid(self, T: np.ndarray, n: int) -> bool:
        """Whether pose and number of points are still those that the last guess was made of."""
        T_then, n_then = self._completion_basis
        return abs(n - n_then) < MAX_GROWTH * n_then and bool(
            np.abs(T - T_then).max() < MAX_POSE_CHANGE
        )
