"""A constant-velocity Kalman filter of a point under white acceleration noise.

Bar-Shalom, Li and Kirubarajan, Estimation with applications to tracking and navigation, 2001: the
model is that of section 6.2, the noise adapts to the innovations as in section 11.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.tracking.motion_config import FilterConfig
from world_model_node.tracking.motion_hypotheses import hypotheses
from world_model_node.tracking.motion_models import free_fall
from world_model_node.tracking.multiple_model_filter import (
    FilterBank,
    PositionMeasurement,
    filter_step,
    free,
    sliding,
)

CHI2_3_DOF_99 = 11.34
MIN_MANEUVER_S = 1e-3  # a shorter time step does not inflate the covariance any less


class FrictionWeights(NamedTuple):
    """M decelerations that friction may cause, with their weights."""

    weight: np.ndarray  # (M,)
    deceleration_mps2: np.ndarray  # (M,)


class ConstantVelocityFilter:
    """Position and velocity of a point in the world frame."""

    def __init__(self, position_m: np.ndarray, sigma_m: float, config: FilterConfig) -> None:
        self.config = config
        self.set_stationary(position_m, sigma_m, config.initial_speed_sigma_mps)
        self.process_noise_scale = 1.0  # share of the process noise that the innovations support
        self._noise = np.zeros((6, 6))
        self._prior = self.x, self.P  # before the last prediction

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
        """Predict `dt_s` ahead under white acceleration noise, falling with `fall_mps2`."""
        F = transition(dt_s)
        self._prior = self.x, self.P
        self.x = F @ self.x
        drop, speed = free_fall(fall_mps2, dt_s)
        self.x[2] -= drop
        self.x[5] -= speed
        self._noise = process_noise(dt_s, acceleration_sigma)
        self.P = F @ self.P @ F.T + self.process_noise_scale * self._noise

    def inflate(self, dt_s: float, acceleration_sigma: float) -> None:
        """Add the noise of a motion that began within the last `dt_s`."""
        sigma = self.config.maneuver_factor * acceleration_sigma
        self.P = self.P + process_noise(max(dt_s, MIN_MANEUVER_S), sigma)
        self.process_noise_scale, self._bank = 1.0, None

    def update(self, position_m: np.ndarray, noise: np.ndarray) -> None:
        """Update by a measured position with its covariance (3, 3) [m^2]."""
        self._bank = None
        innovation = position_m - self.x[:3]
        self._adapt_noise(innovation, noise)
        K = np.linalg.solve(self.P[:3, :3] + noise, self.P[:3]).T
        self.x = self.x + K @ innovation
        A = np.eye(6)
        A[:, :3] -= K
        self.P = A @ self.P @ A.T + K @ noise @ K.T  # Joseph form: symmetric and positive

    def _adapt_noise(self, innovation: np.ndarray, noise: np.ndarray) -> None:
        """Scale the process noise by the normalised innovation squared."""
        nis = float(innovation @ np.linalg.solve(self.P[:3, :3] + noise, innovation))
        if nis > CHI2_3_DOF_99:
            self.P = self.P + (1.0 - self.process_noise_scale) * self._noise
            self.process_noise_scale = 1.0
        self.process_noise_scale += self.config.noise_scale_gain * (
            np.clip(nis / 3.0, self.config.min_noise_scale, 1.0) - self.process_noise_scale
        )

    def update_multiple_model(
        self,
        dt_s: float,
        measurements: list[PositionMeasurement],
        steady: float | None,
        unsupported: bool,
        friction: FrictionWeights | None,
        gravity_mps2: float,
    ) -> tuple[float, np.ndarray | None]:
        """Repeat the last prediction with the measurements of its `dt_s`.

        Args:
            dt_s: as given to `predict`.
            measurements: positions within that time.
            steady: see `hypotheses`.
            unsupported: see `hypotheses`.
            friction: decelerations of an object that may slide; None: the object does not slide.
            gravity_mps2: acceleration of a fall.

        Returns:
            The probability that the motion is steady, and the weights of the decelerations.
        """
        config = self.config.multiple_model
        x, P = self._prior
        bank = free(x, P)
        if friction is not None:
            bank = sliding(x, P, *friction)
            if self._bank is not None:
                bank = self._bank._replace(X=self._bank.X + x, weight=friction.weight)
        candidates = hypotheses(dt_s, steady, unsupported, config)
        result = filter_step(bank, dt_s, measurements, candidates, gravity_mps2, config)
        self.x, self.P, self._bank = result.bank.mean, result.bank.covariance, None
        if friction is None:
            return result.steady, None
        self._bank = result.bank._replace(X=result.bank.X - self.x)
        return result.steady, result.bank.weight

    def update_along(self, direction: np.ndarray, offset_m: float, sigma_m: float) -> None:
        """Update by a measured offset of the position along a unit direction (3,)."""
        column = self.P[:, :3] @ direction  # P H^T
        gain = column / (direction @ column[:3] + sigma_m**2)
        self.x = self.x + gain * offset_m
        self.P = self.P - np.outer(gain, column)
        self.P = 0.5 * (self.P + self.P.T)

    def set_stationary(
        self, position_m: np.ndarray, sigma_m: float, speed_sigma_mps: float
    ) -> None:
        """Set the state to rest at a position."""
        self.x = np.concatenate([position_m, np.zeros(3)])
        self.P = np.diag([sigma_m**2] * 3 + [speed_sigma_mps**2] * 3)
        self._bank: FilterBank | None = None  # of the last sliding step, relative to `x`

    def damp_velocity(self, share: float) -> None:
        """Keep a share of the velocity."""
        self.x[3:] *= share
        self.P[3:] *= share
        self.P[:, 3:] *= share

    def lift(self, sunk_m: float) -> None:
        """Raise the position out of the table, and stop a fall."""
        self.x[2] += sunk_m
        self.x[5] = max(self.x[5], 0.0)

    def set_state(
        self, position_m: np.ndarray, velocity_mps: np.ndarray, covariance: np.ndarray
    ) -> None:
        """Set position and velocity, as of a held object; covariance (3, 3) [m^2]."""
        self.x, self._bank = np.concatenate([position_m, velocity_mps]), None
        self.P = np.diag([0.0] * 3 + [self.config.initial_speed_sigma_mps**2] * 3)
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
