"""Propagation of many motion hypotheses at once: friction, impulses, free fall, noise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.tracking.motion_hypotheses import Hypotheses
from world_model_node.tracking.motion_models import braking_loss, braking_time, free_fall


class HypothesisPropagation(NamedTuple):
    """The motion model of each of H hypotheses."""

    h: Hypotheses
    deceleration_mps2: np.ndarray  # (H,)
    heading: np.ndarray  # (3,) horizontal, of the motion until an impulse
    heading_after_impulse: np.ndarray  # (3,) horizontal
    gravity_mps2: float
    known_speed_sigma_mps: float

    def propagate(self, X: np.ndarray, S: np.ndarray, t: float, until: float) -> tuple:
        """The states at a later time [s]."""
        h = self.h
        first = np.clip(h.impulse_s, t, until) - t
        X, S = self._predict(X, S, first, self.heading)
        hit = (h.impulse_s > t) & (h.impulse_s <= until)
        S[:, [3, 4, 5], [3, 4, 5]] += (hit * h.impulse_mps**2)[:, None]
        after = np.where(
            np.isfinite(h.impulse_s)[:, None], self.heading_after_impulse, self.heading
        )
        X, S = self._predict(X, S, until - t - first, after)
        drop, speed = free_fall(self.gravity_mps2, until - np.clip(h.fall_s, t, until))
        X[:, 2] -= drop
        X[:, 5] -= speed
        return X, S

    def _predict(self, X: np.ndarray, S: np.ndarray, dt: np.ndarray, heading: np.ndarray) -> tuple:
        """The states after times (H,), braked along a heading, with acceleration noise."""
        heading = np.broadcast_to(heading, (len(dt), 3))
        speed = (X[:, 3:] * heading).sum(axis=1)
        variance = np.einsum('hi,hij,hj->h', heading, S[:, 3:, 3:], heading)
        a = self.deceleration_mps2 * (heading != 0.0).any(axis=1)
        stopping_s = braking_time(speed, a, dt)
        known = variance < self.known_speed_sigma_mps**2
        stopped = known & (a > 0.0) & (stopping_s < dt)
        lost_m, lost_mps = braking_loss(a, np.where(known, stopping_s, dt), dt)
        X = X.copy()
        X[:, :3] += dt[:, None] * X[:, 3:]
        X[:, :3] -= lost_m[:, None] * heading
        X[:, 3:] -= lost_mps[:, None] * heading
        return X, self._predict_covariance(S, dt, stopped, heading)

    def _predict_covariance(
        self, S: np.ndarray, dt: np.ndarray, stopped: np.ndarray, heading: np.ndarray
    ) -> np.ndarray:
        """The covariances after times (H,); where an object stops, its speed has no influence."""
        F = np.tile(np.eye(6), (len(dt), 1, 1))
        F[:, [0, 1, 2], [3, 4, 5]] = dt[:, None]
        F[:, 3:, 3:] -= stopped[:, None, None] * heading[:, :, None] * heading[:, None]
        q = (self.h.accel_noise_mps2 * dt) ** 2
        S = F @ S @ F.transpose(0, 2, 1)
        i, j = [0, 1, 2], [3, 4, 5]
        S[:, i, i] += (q * dt**2 / 3.0)[:, None]
        S[:, i, j] += (q * dt / 2.0)[:, None]
        S[:, j, i] += (q * dt / 2.0)[:, None]
        S[:, j, j] += q[:, None]
        return S
