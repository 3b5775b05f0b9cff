"""A constant-velocity Kalman filter of a point under white acceleration noise.

Bar-Shalom, Li and Kirubarajan, Estimation with applications to tracking and navigation, 2001: the
model is that of section 6.2, the noise adapts to the innovations as in section 11.2.
"""

from __future__ import annotations

import numpy as np

from world_model_node.tracking.multiple_model_filter import (
    FilterBank,
    PositionMeasurement,
    filter_step,
    free,
    hypotheses,
    sliding,
)

MANEUVER_FACTOR = 2.0
CHI2_3_DOF_99 = 11.34
MIN_NOISE_SCALE = 0.1  # of the process noise is left where the motion stays as it is
NOISE_SCALE_GAIN = 0.3


class ConstantVelocityFilter:
    """Position and velocity of a point in the world frame."""

    def __init__(self, position_m: np.ndarray, sigma_m: float, speed_sigma_mps: float) -> None:
        self.x = np.concatenate([position_m, np.zeros(3)])
        self.P = np.diag([sigma_m**2] * 3 + [speed_sigma_mps**2] * 3)
        self.process_noise_scale = 1.0  # share of the process noise that the innovations speak for
        self._noise = np.zeros((6, 6))
        self._prior = self.x, self.P  # the last prediction
        self._bank: FilterBank | None = None  # of its sliding, about `x`

    @property
    def prior(self) -> np.ndarray:
        """Position and velocity (6,) before the last prediction."""
        return self._prior[0]

    @property
    def position_m(self) -> np.ndarray:
        """(3,) in the world frame."""
        return self.x[:3]

    @property
    def velocity_mps(self) -> np.ndarray:
        """(3,) in the world frame."""
        return self.x[3:]

    def predict(self, dt_s: float, acceleration_sigma: float, fall_mps2: float = 0.0) -> None:
        """Move on by `dt_s` under white acceleration noise, falling with `fall_mps2`."""
        F = transition(dt_s)
        self._prior = self.x, self.P
        self.x = F @ self.x
        self.x[2] -= 0.5 * fall_mps2 * dt_s**2
        self.x[5] -= fall_mps2 * dt_s
        self._noise = process_noise(dt_s, acceleration_sigma)
        self.P = F @ self.P @ F.T + self.process_noise_scale * self._noise

    def inflate(self, dt_s: float, acceleration_sigma: float) -> None:
        """Admit that something accelerated the object within the last `dt_s`."""
        self.P = self.P + process_noise(max(dt_s, 1e-3), MANEUVER_FACTOR * acceleration_sigma)
        self.process_noise_scale, self._bank = 1.0, None

    def update(self, position_m: np.ndarray, noise: np.ndarray) -> None:
        """Take in a measured position with its covariance (3, 3) [m^2]."""
        self._bank = None
        innovation = position_m - self.x[:3]
        nis = float(innovation @ np.linalg.solve(self.P[:3, :3] + noise, innovation))
        if nis > CHI2_3_DOF_99:
            self.P = self.P + (1.0 - self.process_noise_scale) * self._noise
            self.process_noise_scale = 1.0
        self.process_noise_scale += NOISE_SCALE_GAIN * (
            np.clip(nis / 3.0, MIN_NOISE_SCALE, 1.0) - self.process_noise_scale
        )
        K = np.linalg.solve(self.P[:3, :3] + noise, self.P[:3]).T
        self.x = self.x + K @ innovation
        A = np.eye(6)
        A[:, :3] -= K
        self.P = A @ self.P @ A.T + K @ noise @ K.T  # Joseph form: symmetric and positive

    def update_multiple_model(
        self,
        dt_s: float,
        measurements: list[PositionMeasurement],
        steady: float | None,
        unsupported: bool,
        friction_weights: np.ndarray | None,
        gravity_mps2: float,
    ) -> tuple[float, np.ndarray | None]:
        """Go again over the `dt_s` of the last prediction, by what was seen on the way.

        Args:
            dt_s: as given to `predict`.
            measurements: on the way.
            steady: see `hypotheses`.
            unsupported: see `hypotheses`.
            friction_weights: weights of `FRICTION_GRID` of what slides; None: it does not.
            gravity_mps2: of the place.

        Returns:
            How steady the motion is now, and the weights as they are now.
        """
        x, P = self._prior
        bank = free(x, P)
        if friction_weights is not None:
            bank = sliding(x, P, friction_weights, gravity_mps2)
            if self._bank is not None:
                bank = self._bank._replace(X=self._bank.X + x, weight=friction_weights)
        result = filter_step(
            bank, dt_s, measurements, hypotheses(dt_s, steady, unsupported), gravity_mps2
        )
        self.x, self.P, self._bank = result.bank.mean, result.bank.covariance, None
        if friction_weights is not None:
            self._bank = result.bank._replace(X=result.bank.X - self.x)
            friction_weights = result.bank.weight
        return result.steady, friction_weights

    def update_along(self, direction: np.ndarray, offset_m: float, sigma_m: float) -> None:
        """Take in that the position is off by `offset_m` along a unit direction (3,)."""
        column = self.P[:, :3] @ direction  # P H^T
        gain = column / (direction @ column[:3] + sigma_m**2)
        self.x = self.x + gain * offset_m
        self.P = self.P - np.outer(gain, column)
        self.P = 0.5 * (self.P + self.P.T)

    def set_stationary(
        self, position_m: np.ndarray, sigma_m: float, speed_sigma_mps: float
    ) -> None:
        """Lie still at a place."""
        self.x = np.concatenate([position_m, np.zeros(3)])
        self.P = np.diag([sigma_m**2] * 3 + [speed_sigma_mps**2] * 3)
        self._bank = None

    def damp_velocity(self, keeps: float) -> None:
        """Lose speed, of which a share remains."""
        self.x[3:] *= keeps
        self.P[3:] *= keeps
        self.P[:, 3:] *= keeps

    def lift(self, sunk_m: float) -> None:
        """Come to lie on what it seems to have sunk into."""
        self.x[2] += sunk_m
        self.x[5] = max(self.x[5], 0.0)

    def set_state(
        self, position_m: np.ndarray, velocity_mps: np.ndarray, covariance: np.ndarray
    ) -> None:
        """Set the state outright, as when the hand carries the object; covariance (3, 3) [m^2]."""
        self.x, self._bank = np.concatenate([position_m, velocity_mps]), None
        self.P = np.diag([0.0] * 3 + [0.05**2] * 3)
        self.P[:3, :3] = covariance


def transition(dt_s: float) -> np.ndarray:
    """The (6, 6) constant-velocity transition."""
    F = np.eye(6)
    F[:3, 3:] = dt_s * np.eye(3)
    return F


def process_noise(dt_s: float, acceleration_sigma: float) -> np.ndarray:
    """The (6, 6) noise of white acceleration that changes the speed by `sigma dt_s`."""
    block = np.array([[dt_s**2 / 3.0, dt_s / 2.0], [dt_s / 2.0, 1.0]])
    return np.kron(block, np.eye(3)) * (acceleration_sigma * dt_s) ** 2
