"""A constant-velocity Kalman filter whose process noise wakes up when the object does."""

from __future__ import annotations

import numpy as np

CHI2_3_99 = 11.34
RECENTRE_SHARE = 0.3
DRIFT_MEMORY = 0.7  # per update, of the summed whitened innovations
DRIFT_LIMIT = 16.3 / (1.0 - DRIFT_MEMORY**2)  # their square stays below this 99.9 % of the time
PUSH_FACTOR = 2.0
REST_SHARE = 0.03  # of the process noise, while measurements agree with the motion so far


class PointFilter:
    """Position and velocity of a point in the world frame."""

    def __init__(self, position_m: np.ndarray, sigma_m: float, speed_sigma_mps: float) -> None:
        self.x = np.concatenate([position_m, np.zeros(3)])
        self.P = np.diag([sigma_m**2] * 3 + [speed_sigma_mps**2] * 3)
        self.drift = np.zeros(3)

    @property
    def position_m(self) -> np.ndarray:
        """(3,) in the world frame."""
        return self.x[:3]

    @property
    def velocity_mps(self) -> np.ndarray:
        """(3,) in the world frame."""
        return self.x[3:]

    def predict(self, dt_s: float, acceleration_sigma: float, drop_mps2: float = 0.0) -> None:
        """Move on by `dt_s` under white acceleration noise, falling with `drop_mps2`."""
        F = transition(dt_s)
        self.x = F @ self.x
        self.x[2] -= 0.5 * drop_mps2 * dt_s**2
        self.x[5] -= drop_mps2 * dt_s
        self.P = F @ self.P @ F.T + process_noise(dt_s, REST_SHARE * acceleration_sigma)

    def surprised_by(self, position_m: np.ndarray, sigma_m: float) -> bool:
        """Whether a measured position disagrees with the motion so far, at 99 %."""
        innovation = position_m - self.x[:3]
        S = self.P[:3, :3] + np.eye(3) * sigma_m**2
        return bool(innovation @ np.linalg.solve(S, innovation) > CHI2_3_99)

    def push(self, dt_s: float, acceleration_sigma: float) -> None:
        """Admit that something accelerated the object within the last `dt_s`."""
        self.P = self.P + process_noise(max(dt_s, 1e-3), PUSH_FACTOR * acceleration_sigma)

    def update(
        self, position_m: np.ndarray, sigma_m: float, dt_s: float, acceleration_sigma: float
    ) -> None:
        """Take in a measured position; errors that keep one sign are motion that set in."""
        R = np.eye(3) * sigma_m**2
        innovation = position_m - self.x[:3]
        S = self.P[:3, :3] + R
        self.drift = DRIFT_MEMORY * self.drift + innovation / np.sqrt(np.diag(S))
        if self.drift @ self.drift > DRIFT_LIMIT:
            self.drift = np.zeros(3)
            self.P = self.P + process_noise(max(dt_s, 1e-3), acceleration_sigma)
            S = self.P[:3, :3] + R
        K = np.linalg.solve(S, self.P[:3]).T
        self.x = self.x + K @ innovation
        A = np.eye(6)
        A[:, :3] -= K
        self.P = A @ self.P @ A.T + K @ R @ K.T  # Joseph form: stays symmetric and positive

    def update_along(self, direction: np.ndarray, offset_m: float, sigma_m: float) -> None:
        """Take in that the position is off by `offset_m` along a unit direction (3,)."""
        column = self.P[:, :3] @ direction  # P H^T
        gain = column / (direction @ column[:3] + sigma_m**2)
        self.x = self.x + gain * offset_m
        self.P = self.P - np.outer(gain, column)
        self.P = 0.5 * (self.P + self.P.T)

    def recentre(self, position_m: np.ndarray) -> None:
        """Shift towards a better estimate of where a still object's middle is: no motion."""
        self.x[:3] += RECENTRE_SHARE * (position_m - self.x[:3])
        self.x[3:] *= 1.0 - RECENTRE_SHARE

    def place(
        self, position_m: np.ndarray, velocity_mps: np.ndarray, covariance: np.ndarray
    ) -> None:
        """Set the state outright, as when the hand carries the object; covariance (3, 3) [m^2]."""
        self.x = np.concatenate([position_m, velocity_mps])
        self.P = np.diag([0.0] * 3 + [0.05**2] * 3)
        self.P[:3, :3] = covariance


def transition(dt_s: float) -> np.ndarray:
    """The (6, 6) constant-velocity transition."""
    F = np.eye(6)
    F[:3, 3:] = dt_s * np.eye(3)
    return F


def process_noise(dt_s: float, acceleration_sigma: float) -> np.ndarray:
    """The (6, 6) noise of an acceleration that is constant and unknown over `dt_s`."""
    G = np.vstack([0.5 * dt_s**2 * np.eye(3), dt_s * np.eye(3)])
    return G @ G.T * acceleration_sigma**2
