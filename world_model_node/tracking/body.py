"""The state of one object: pose, velocity and surface."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, make_transform, transform_points
from sakiyomi.scene import Gaussian
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.friction_grid import FrictionGrid
from world_model_node.tracking.kalman_filter import ConstantVelocityFilter
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.pose_uncertainty import PoseUncertainty
from world_model_node.tracking.surface.centroid import estimate_centroid, support_height
from world_model_node.tracking.surface.completion import complete_surface
from world_model_node.tracking.surface.shape import Shape
from world_model_node.tracking.tracker_config import TrackerConfig


class Body:
    """Pose, velocity and surface of an object; its axes are the world's until it turns."""

    def __init__(
        self, measurement: ObjectMeasurement, table_height_m: float, config: TrackerConfig
    ):
        self.config = config
        p = config.parameters
        seen_m = measurement.points_m
        centroid = estimate_centroid(seen_m, table_height_m, config.centroid)
        self.filter = ConstantVelocityFilter(centroid, p.position_sigma_m, config.filter)
        self.R_world_object = np.eye(3)
        self.rotation_P = np.eye(3) * p.rotation_sigma_rad**2
        self.angular_velocity = np.zeros(3)
        self.angular_velocity_P = np.eye(3) * config.track.initial_angular_sigma_radps**2
        self.friction_grid = FrictionGrid(config.friction)
        self.friction_weights: np.ndarray | None = None  # (M,) of the grid, by observed sliding
        self.uncertainty = PoseUncertainty(seen_m, config)
        local = transform_points(inverse(self.T_world_object), measurement.points_m)
        self.shape = Shape(local, measurement.colors, p.voxel_m, config.shape)
        self.completed_m = np.zeros((0, 3), np.float32)  # completed surface, object frame
        self.completed_s = self._completion_valid_until_s = -np.inf
        self._completion_basis = (self.T_world_object, 0)
        self.chromaticity = measurement.chromaticity
        self.update_appearance(measurement)

    @property
    def points_m(self) -> np.ndarray:
        """(N, 3) float32 surface in the object's frame."""
        return self.shape.points_m

    @property
    def colors(self) -> np.ndarray:
        """(N, 3) uint8."""
        return self.shape.colors

    @property
    def T_world_object(self) -> np.ndarray:
        """(4, 4) pose."""
        return make_transform(self.R_world_object, self.filter.position_m)

    @property
    def velocity_mps(self) -> np.ndarray:
        """(3,) linear velocity in the world frame."""
        return self.filter.velocity_mps

    def world_points(self) -> np.ndarray:
        """(N, 3) float32 surface in the world frame."""
        return transform_points(self.T_world_object, self.points_m)

    def pose_covariance(self) -> np.ndarray:
        """(6, 6) of position then rotation, world frame."""
        P = np.zeros((6, 6))
        position, rotation = self.uncertainty.covariance(self.extent_m)
        P[:3, :3] = self.filter.P[:3, :3] + position
        P[3:, 3:] = self.rotation_P + rotation
        return P

    def twist_covariance(self) -> np.ndarray:
        """(6, 6) of linear then angular velocity, world frame."""
        P = np.zeros((6, 6))
        P[:3, :3], P[3:, 3:] = self.filter.P[3:, 3:], self.angular_velocity_P
        return P

    def friction(self, prior: Gaussian) -> Gaussian:
        """The friction by observed sliding, given its distribution by other evidence."""
        if self.friction_weights is None:
            return prior
        return self.friction_grid.posterior(self.friction_weights, prior)

    def measured_centroid(self, measurement: ObjectMeasurement) -> np.ndarray:
        """The centroid (3,) [m] by a measurement alone."""
        return measurement.position_m + self.offset_m

    def update_appearance(self, measurement: ObjectMeasurement) -> None:
        """Keep the size, the colour and the offset of the centroid in the present view."""
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
        """Integrate a measurement at a pose; count misses of points that the camera sees past.

        Args:
            measurement: the seen points.
            T: the pose (4, 4).
            visibility: the present view.
            stationary: whether the object is at rest.
            nearest: result of `Shape.nearest` for the measurement's points, if known.

        Returns:
            The share of the known surface that was seen again.
        """
        known = len(self.shape)
        local = transform_points(inverse(T), measurement.points_m)
        seen = self.shape.merge(local, measurement.colors, nearest)
        gap = visibility.depth_residuals(transform_points(T, self.shape.points_m))
        margin_m = visibility.config.margin_m
        unreliable = self.shape.weight < self.config.shape.min_reliable_weight
        self.shape.count_misses(~seen & (gap > margin_m), 3)
        self.shape.count_misses(~seen & unreliable, 2)
        if stationary:
            self.shape.count_misses(~seen & (np.abs(gap) <= margin_m), 1)
        self.shape.prune()
        return float(seen[:known].mean())

    def integrate_contact(self, points_m: np.ndarray) -> None:
        """Integrate points (M, 3) that a pad touches, world frame, as reliable surface."""
        local = transform_points(inverse(self.T_world_object), points_m)
        reach_m = self.config.contact.max_contact_share * np.linalg.norm(self.extent_m)
        local = local[np.linalg.norm(local, axis=1) < reach_m]
        if not len(local):
            return
        color = np.median(self.colors, axis=0).astype(np.uint8)
        touched = self.shape.merge(local.astype(np.float32), np.tile(color, (len(local), 1)))
        min_weight = self.config.shape.min_reliable_weight
        self.shape.weight[touched] = np.maximum(self.shape.weight[touched], min_weight)
        self.shape.prune()

    def reset_surface(self, measurement: ObjectMeasurement, T: np.ndarray) -> None:
        """Replace the surface by a measurement at a pose (4, 4)."""
        local = transform_points(inverse(T), measurement.points_m)
        self.shape.replace(local, measurement.colors)
        self.completed_m, self._completion_valid_until_s = self.completed_m[:0], -np.inf
        self.update_appearance(measurement)

    def complete(self, visibility: VisibilityModel, table_height_m: float, stamp_s: float) -> None:
        """Complete the unobserved side, unless the last completion is still valid."""
        T, n, config = self.T_world_object, len(self.shape), self.config.completion
        self.completed_s = stamp_s
        if stamp_s < self._completion_valid_until_s and self._completion_valid(T, n):
            return
        self._completion_valid_until_s = stamp_s + config.valid_s
        self._completion_basis = (T, n)
        surface = self.reliable_points()
        floor_m = support_height(surface[:, 2], table_height_m, self.config.centroid)
        spacing_m = config.spacing_voxels * self.config.parameters.voxel_m
        completed = complete_surface(surface, T[:3, 3], floor_m, spacing_m, visibility, config)
        self.completed_m = transform_points(inverse(T), completed)

    def _completion_valid(self, T: np.ndarray, n: int) -> bool:
        """Whether pose and number of points are about those of the last completion."""
        T_then, n_then = self._completion_basis
        config = self.config.completion
        return abs(n - n_then) < config.max_growth * n_then and bool(
            np.abs(T - T_then).max() < config.max_pose_change
        )
