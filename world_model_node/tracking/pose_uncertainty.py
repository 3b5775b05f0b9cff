"""Covariance of an object's pose beyond the filter: its unobserved parts, and drift."""

from __future__ import annotations

import numpy as np

from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.surface.shape_uncertainty import (
    occluded_outline_share,
    unobserved_side_share,
)
from world_model_node.tracking.tracker_config import TrackerConfig


class PoseUncertainty:
    """Standard deviations of the centroid, by the observed share, and of the drift in motion."""

    def __init__(self, surface_m: np.ndarray, config: TrackerConfig) -> None:
        self.config = config
        self.drift = 0.0  # frames of motion so far, weighted by their misfit
        self.unobserved_share = unobserved_side_share(surface_m, config.shape_uncertainty)
        self.occluded_share = 0.0

    def accumulate_drift(self, inlier_share: float) -> None:
        """Add a frame of motion, in which the registration adds a small error."""
        factor = self.config.pose_uncertainty.misfit_drift_factor
        self.drift += 1.0 + factor * (1.0 - inlier_share)

    def update_shares(
        self, surface_m: np.ndarray, visibility: VisibilityModel, gain: float
    ) -> None:
        """Average the unobserved shares with those of a surface (N, 3), world frame."""
        config = self.config.shape_uncertainty
        unobserved = unobserved_side_share(surface_m, config)
        self.unobserved_share += gain * (unobserved - self.unobserved_share)
        occluded = occluded_outline_share(surface_m, visibility, config)
        self.occluded_share += gain * (occluded - self.occluded_share)

    def relative_centroid_sigma(self) -> float:
        """Standard deviation of the centroid, as a share of the size."""
        c = self.config.pose_uncertainty
        shares = (
            c.unobserved_sigma_share * self.unobserved_share,
            c.occluded_sigma_share * self.occluded_share**2,
        )
        return float(np.linalg.norm([self.config.parameters.centroid_sigma_share, *shares]))

    def covariance(self, extent_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Covariances (3, 3) of position and rotation, world frame, for an object of a size (3,).

        Errors of the centroid grow with the object's size and with its unobserved share.
        """
        c = self.config.pose_uncertainty
        centroid = np.hypot(c.min_centroid_sigma_m, self.relative_centroid_sigma() * extent_m)
        drift_m2 = min(c.drift_sigma_m**2 * self.drift, c.max_drift_m**2)
        drift_rad2 = min(c.drift_sigma_rad**2 * self.drift, c.max_drift_rad**2)
        return np.diag(centroid**2 + drift_m2), drift_rad2 * np.eye(3)
