"""Alignment of a known surface with the frame of one sensor.

Camera and LiDAR frames are up to half an update apart, in which an object at 1 m/s moves by more
than its registration error. Each frame by itself gives the position at its own stamp.
"""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import make_transform
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.tracking.surface.registration import (
    PosePrior,
    Registration,
    RegistrationTarget,
    register_from_guesses,
)
from world_model_node.tracking.surface.shape_config import AlignmentConfig, RegistrationConfig


class SurfaceAligner:
    """Aligns surfaces with the points of single frames."""

    def __init__(self, config: AlignmentConfig, registration: RegistrationConfig) -> None:
        self.config = config
        self.registration = registration

    def locate(
        self,
        observation: SensorObservation,
        target: RegistrationTarget,
        R_world_object: np.ndarray,
        starts_m: list[np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """The position (3,) [m] of a surface in a frame with its covariance (3, 3), or None.

        Args:
            observation: the frame.
            target: the surface, in the object's frame.
            R_world_object: the known orientation (3, 3).
            starts_m: guessed positions (3,).
        """
        own = self.crop_around(observation, target, R_world_object, starts_m)
        fit = self.align(target, own, starts_m, [R_world_object], self.config.prior_sigma_rad)
        if fit is None or fit.inlier_share < self.registration.min_inlier_share:
            return None
        T = fit.T_world_object
        is_camera = observation.stream == 'camera'
        sigma_m = self.config.camera_sigma_m if is_camera else self.config.lidar_sigma_m
        return T[:3, 3], self._covariance(target, (own - T[:3, 3]) @ T[:3, :3], T, sigma_m)

    def align(
        self,
        target: RegistrationTarget,
        own_m: np.ndarray,
        positions_m: list[np.ndarray],
        rotations: list[np.ndarray],
        sigma_rad: float,
    ) -> Registration | None:
        """Register a surface with the points around it; None with too few points.

        Args:
            target: the surface, in the object's frame.
            own_m: points (K, 3) of `crop_around`.
            positions_m: guessed positions (3,).
            rotations: guessed rotations (3, 3).
            sigma_rad: standard deviation of the guessed rotations.
        """
        if len(own_m) < self.config.min_points:
            return None
        starts = [make_transform(R, m) for R in rotations for m in positions_m]
        prior = PosePrior(self.config.prior_sigma_m, sigma_rad)
        return register_from_guesses(
            target, own_m, starts, self.config.iterations, prior, self.registration
        )

    def crop_around(
        self,
        observation: SensorObservation,
        target: RegistrationTarget,
        R_world_object: np.ndarray,
        positions_m: list[np.ndarray],
    ) -> np.ndarray:
        """The points (K, 3) of a frame in the box that may contain the surface."""
        surface = target.points_m @ R_world_object.T
        margin_m = self.config.crop_margin_m
        low = np.min(positions_m, axis=0) + surface.min(axis=0) - margin_m
        high = np.max(positions_m, axis=0) + surface.max(axis=0) + margin_m
        return crop_box(observation.points_m, low, high)

    def _covariance(
        self, target: RegistrationTarget, local: np.ndarray, T: np.ndarray, sigma_m: float
    ) -> np.ndarray:
        """Position covariance (3, 3): each seen surface constrains along its normal only."""
        r = self.registration
        distance, index = target.grid.nearest(local)
        normals = target.normals[index[distance < r.inlier_m]] @ T[:3, :3].T
        each = min(1.0, r.num_fine_samples / max(len(normals), 1)) / (
            r.num_correlated_points * sigma_m**2
        )
        information = each * normals.T @ normals + np.eye(3) / self.config.unconstrained_sigma_m**2
        return np.linalg.inv(information) + self.config.min_sigma_m**2 * np.eye(3)


def crop_box(points_m: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The points (N, 3) in a box."""
    return points_m[((points_m > low) & (points_m < high)).all(axis=1)]
