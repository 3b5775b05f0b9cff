"""A multiple-model filter of an object's position and velocity between two frames.

A filter with one model cannot tell an impulse from noise, and smears the impulse over the whole
time between two frames. Here each hypothesis on the motion is filtered through the positions at
the sensors' own stamps, and the mixture is collapsed to its moments (the generalised
pseudo-Bayesian estimator of first order: Bar-Shalom, Li and Kirubarajan, Estimation with
applications to tracking and navigation, 2001, section 11.6.4).

A sliding object brakes by an unknown friction. One filter for each of a few frictions (multiple
models of a constant parameter, section 11.6.2 there) gives the likelihood of each friction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.tracking.friction_grid import MIN_WEIGHT
from world_model_node.tracking.motion_config import MultipleModelConfig
from world_model_node.tracking.motion_hypotheses import Hypotheses
from world_model_node.tracking.propagation import HypothesisPropagation


class PositionMeasurement(NamedTuple):
    """The position of the centroid at the stamp of a sensor frame."""

    after_s: float  # since the last update
    position_m: np.ndarray  # (3,)
    covariance: np.ndarray  # (3, 3) m^2


class FilterBank(NamedTuple):
    """One state for each of M frictions."""

    X: np.ndarray  # (M, 6) position and velocity
    P: np.ndarray  # (M, 6, 6)
    weight: np.ndarray  # (M,)
    deceleration_mps2: np.ndarray  # (M,)

    @property
    def mean(self) -> np.ndarray:
        """The mean state (6,)."""
        return self.weight @ self.X

    @property
    def covariance(self) -> np.ndarray:
        """The covariance (6, 6) of the mixture."""
        return _moments(self.weight, self.X, self.P)[1]


class FilterResult(NamedTuple):
    """The state after a step."""

    bank: FilterBank
    steady: float  # probability that the motion is steady until the next frame


def free(x: np.ndarray, P: np.ndarray) -> FilterBank:
    """The bank of an object that friction does not brake."""
    return FilterBank(x[None], P[None], np.ones(1), np.zeros(1))


def sliding(
    x: np.ndarray, P: np.ndarray, weight: np.ndarray, deceleration_mps2: np.ndarray
) -> FilterBank:
    """The bank of an object that may slide with decelerations (M,) of some weights (M,)."""
    m = len(weight)
    return FilterBank(np.tile(x, (m, 1)), np.tile(P, (m, 1, 1)), weight, deceleration_mps2)


def filter_step(
    bank: FilterBank,
    dt_s: float,
    measurements: list[PositionMeasurement],
    h: Hypotheses,
    gravity_mps2: float,
    config: MultipleModelConfig,
) -> FilterResult:
    """Filter the bank through the measurements of `dt_s`, in any order."""
    m, n = len(bank.weight), len(h.weight)
    each = Hypotheses(*(np.tile(column, m) for column in h))
    X, S = np.repeat(bank.X, n, axis=0), np.repeat(bank.P, n, axis=0)
    with np.errstate(divide='ignore'):
        log_w = np.log(np.repeat(bank.weight, n)) + np.log(each.weight)
    measurements = sorted(measurements, key=lambda s: s.after_s)
    propagation = HypothesisPropagation(
        each,
        np.repeat(bank.deceleration_mps2, n),
        *_headings(bank, measurements, config),
        gravity_mps2,
        config.known_speed_sigma_mps,
    )
    t = 0.0
    for item in measurements:
        at = min(max(item.after_s, t), dt_s)
        X, S = propagation.propagate(X, S, t, at)
        t = at
        X, S, log_likelihood = _update(X, S, item)
        log_w = log_w + log_likelihood
    X, S = propagation.propagate(X, S, t, dt_s)
    w = np.exp(log_w - log_w.max())
    w = np.maximum(w / w.sum(), MIN_WEIGHT)
    steady = _next_steady(float(w[each.is_steady(config)].sum()), config)
    return FilterResult(_collapse(w.reshape(m, n), X, S, bank.deceleration_mps2), steady)


def _update(X: np.ndarray, S: np.ndarray, item: PositionMeasurement) -> tuple:
    """The Kalman update of states (K, 6) and (K, 6, 6), and the log likelihoods (K,)."""
    innovation = item.position_m - X[:, :3]
    spread = S[:, :3, :3] + item.covariance
    K = np.linalg.solve(spread, S[:, :3]).transpose(0, 2, 1)
    d2 = (innovation[:, None] @ np.linalg.solve(spread, innovation[..., None]))[:, 0, 0]
    log_likelihood = -0.5 * (d2 + np.linalg.slogdet(spread)[1])
    X = X + (K @ innovation[..., None])[..., 0]
    return X, S - K @ spread @ K.transpose(0, 2, 1), log_likelihood


def _collapse(
    w: np.ndarray, X: np.ndarray, S: np.ndarray, deceleration_mps2: np.ndarray
) -> FilterBank:
    """The bank of the moments of M mixtures of weights (M, H)."""
    m, n = w.shape
    total = w.sum(axis=1)
    moments = [
        _moments(w[k] / total[k], X[k * n : (k + 1) * n], S[k * n : (k + 1) * n]) for k in range(m)
    ]
    means, spreads = (np.stack(column) for column in zip(*moments, strict=True))
    return FilterBank(means, spreads, total / total.sum(), deceleration_mps2)


def _next_steady(steady: float, config: MultipleModelConfig) -> float:
    """The probability of a steady motion until the next frame, by that until this one."""
    stay, become = config.stay_steady_probability, config.become_steady_probability
    return become + (stay - become) * steady


def _headings(
    bank: FilterBank, measurements: list[PositionMeasurement], config: MultipleModelConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Horizontal unit vectors (3,) of the motion before and after an impulse; zero at rest."""
    x = bank.mean
    positions = [x[:3], *(s.position_m for s in measurements)]
    travels = (positions[-1] - p for p in positions[-2::-1])
    travel = next((d for d in travels if _horizontal_norm(d) > config.min_travel_m), x[3:])
    now, then = (_horizontal_unit(v) for v in (x[3:], travel))
    is_known = _horizontal_norm(x[3:]) > config.known_speed_sigma_mps
    return (now if is_known else then), then


def _horizontal_norm(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector[:2]))


def _horizontal_unit(vector: np.ndarray) -> np.ndarray:
    length = _horizontal_norm(vector)
    return np.array([*vector[:2], 0.0]) / length if length > 1e-3 else np.zeros(3)


def _moments(w: np.ndarray, X: np.ndarray, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (6,) and covariance (6, 6) of a mixture."""
    mean = w @ X
    away = X - mean
    S = np.einsum('h,hij->ij', w, S + away[:, :, None] * away[:, None])
    return mean, 0.5 * (S + S.T)
