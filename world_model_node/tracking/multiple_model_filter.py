"""How a moving object has gone on since the last look: unhindered, or struck or let go on the way.

A filter with one model cannot tell a blow from noise, and smears it over the whole time between
two frames. Here every instant of a few is tried as that of an impulse, each hypothesis is filtered
through what the sensors saw at their own instants, and the mixture is collapsed to its moments
(the generalised pseudo-Bayesian estimator of first order: Bar-Shalom, Li and Kirubarajan,
Estimation with applications to tracking and navigation, 2001, section 11.6.4).

What slides brakes by its friction, which is known no better. So there is one such filter for each
of a few frictions (multiple models of a constant parameter, section 11.6.2 there), and how likely
each of them makes what is seen tells the friction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.tracking.friction_grid import FRICTION_GRID

NUM_IMPULSE_TIMES = 6  # of an impulse, between two frames
IMPULSE_SIGMAS_MPS = (0.1, 0.4, 1.2)  # standard deviations of what one changes
IMPULSE_PROBABILITY = 0.4  # probability of one, where the motion is not steady
STEADY_ACCEL_MPS2, MANEUVERING_ACCEL_MPS2 = 0.5, 4.0  # how much a velocity wavers without one
INITIAL_STEADY_PROBABILITY, STAY_STEADY_PROBABILITY, BECOME_STEADY_PROBABILITY = 0.2, 0.9, 0.1
RELEASE_PROBABILITY = 1.0  # probability that what was held in the air is let go
MIN_WEIGHT = 1e-12
# standard deviation of a speed that tells when friction will have used it up
KNOWN_SPEED_SIGMA_MPS = 0.25
MIN_TRAVEL_M = 0.003  # a shorter one has no direction


class PositionMeasurement(NamedTuple):
    """Where a sensor saw the centroid, some time after the last frame."""

    after_s: float
    position_m: np.ndarray  # (3,)
    covariance: np.ndarray  # (3, 3) m^2


class Hypotheses(NamedTuple):
    """What may have happened; H of them."""

    impulse_s: np.ndarray  # (H,) after the last frame; inf: none
    impulse_mps: np.ndarray  # (H,) standard deviation of the change per axis
    fall_s: np.ndarray  # (H,) since when it falls; inf: something holds it
    accel_noise_mps2: np.ndarray  # (H,)
    weight: np.ndarray  # (H,)


class FilterBank(NamedTuple):
    """The state by each of M frictions."""

    X: np.ndarray  # (M, 6) position and velocity
    P: np.ndarray  # (M, 6, 6)
    weight: np.ndarray  # (M,)
    deceleration_mps2: np.ndarray  # (M,)

    @property
    def mean(self) -> np.ndarray:
        """Of the state (6,)."""
        return self.weight @ self.X

    @property
    def covariance(self) -> np.ndarray:
        """Of the state (6, 6)."""
        return _moments(self.weight, self.X, self.P)[1]


class FilterResult(NamedTuple):
    """What has come of it."""

    bank: FilterBank
    steady: float  # probability that the next stretch of the motion is steady


def free(x: np.ndarray, P: np.ndarray) -> FilterBank:
    """Of what no table brakes."""
    return FilterBank(x[None], P[None], np.ones(1), np.zeros(1))


def sliding(x: np.ndarray, P: np.ndarray, weight: np.ndarray, gravity_mps2: float) -> FilterBank:
    """Of what may slide on the table, by the weights (M,) of the `FRICTION_GRID`."""
    m = len(FRICTION_GRID)
    return FilterBank(
        np.tile(x, (m, 1)), np.tile(P, (m, 1, 1)), weight, FRICTION_GRID * gravity_mps2
    )


def hypotheses(dt_s: float, steady: float | None, unsupported: bool) -> Hypotheses:
    """For an object that moved, or, with `steady` None, rested `dt_s` ago.

    Args:
        dt_s: since the last frame.
        steady: of the course until then.
        unsupported: whether the table did not carry it.
    """
    at_s = (np.arange(NUM_IMPULSE_TIMES) + 0.5) / NUM_IMPULSE_TIMES * dt_s
    maneuvering = 1.0 if steady is None else 1.0 - steady
    each = (
        (1.0 if steady is None else IMPULSE_PROBABILITY)
        * maneuvering
        / (NUM_IMPULSE_TIMES * len(IMPULSE_SIGMAS_MPS))
    )
    supported = [
        (t, impulse, np.inf, MANEUVERING_ACCEL_MPS2, each)
        for impulse in IMPULSE_SIGMAS_MPS
        for t in at_s
    ]
    if steady is not None:
        supported += [
            (np.inf, 0.0, np.inf, STEADY_ACCEL_MPS2, steady),
            (
                np.inf,
                0.0,
                np.inf,
                MANEUVERING_ACCEL_MPS2,
                (1.0 - IMPULSE_PROBABILITY) * maneuvering,
            ),
        ]
    rows = supported
    if unsupported:
        rows = supported + [
            (t, impulse, t, w, p) for t, impulse, _, w, p in supported if np.isfinite(t)
        ]
        rows += [
            (np.inf, 0.0, t, STEADY_ACCEL_MPS2, RELEASE_PROBABILITY / NUM_IMPULSE_TIMES)
            for t in at_s
        ]
        if steady is not None:
            rows += [(t, impulse, 0.0, w, 2.0 * p) for t, impulse, _, w, p in supported]
    columns = np.array(rows).T
    return Hypotheses(*columns[:4], columns[4] / columns[4].sum())


def filter_step(
    bank: FilterBank,
    dt_s: float,
    measurements: list[PositionMeasurement],
    h: Hypotheses,
    gravity_mps2: float,
) -> FilterResult:
    """What has become of a state in `dt_s`; `measurements` in any order."""
    m, n = len(bank.weight), len(h.weight)
    each = Hypotheses(*(np.tile(column, m) for column in h))
    X, S = np.repeat(bank.X, n, axis=0), np.repeat(bank.P, n, axis=0)
    with np.errstate(divide='ignore'):
        log_w = np.log(np.repeat(bank.weight, n)) + np.log(each.weight)
    measurements = sorted(measurements, key=lambda s: s.after_s)
    motion_model = _MotionModel(
        each, np.repeat(bank.deceleration_mps2, n), *_headings(bank, measurements), gravity_mps2
    )
    t = 0.0
    for item in measurements:
        at = min(max(item.after_s, t), dt_s)
        X, S = motion_model.propagate(X, S, t, at)
        t = at
        innovation = item.position_m - X[:, :3]
        spread = S[:, :3, :3] + item.covariance
        K = np.linalg.solve(spread, S[:, :3]).transpose(0, 2, 1)
        d2 = (innovation[:, None] @ np.linalg.solve(spread, innovation[..., None]))[:, 0, 0]
        log_w = log_w - 0.5 * (d2 + np.linalg.slogdet(spread)[1])
        X = X + (K @ innovation[..., None])[..., 0]
        S = S - K @ spread @ K.transpose(0, 2, 1)
    X, S = motion_model.propagate(X, S, t, dt_s)
    w = np.exp(log_w - log_w.max())
    w = np.maximum(w / w.sum(), MIN_WEIGHT)
    own = w.reshape(m, n)
    total = own.sum(axis=1)
    moments = [
        _moments(own[k] / total[k], X[k * n : (k + 1) * n], S[k * n : (k + 1) * n])
        for k in range(m)
    ]
    was_steady = float(
        w[(each.accel_noise_mps2 == STEADY_ACCEL_MPS2) & ~np.isfinite(each.impulse_s)].sum()
    )
    means, spreads = (np.stack(column) for column in zip(*moments, strict=True))
    return FilterResult(
        FilterBank(means, spreads, total / total.sum(), bank.deceleration_mps2),
        BECOME_STEADY_PROBABILITY
        + (STAY_STEADY_PROBABILITY - BECOME_STEADY_PROBABILITY) * was_steady,
    )


class _MotionModel(NamedTuple):
    """How each of H hypotheses goes on."""

    h: Hypotheses
    deceleration_mps2: np.ndarray  # (H,)
    heading: np.ndarray  # (3,) level, of the motion until an impulse
    heading_after_impulse: np.ndarray  # (3,) level, after it
    gravity_mps2: float

    def propagate(self, X: np.ndarray, S: np.ndarray, t: float, until: float) -> tuple:
        """From a time to a later one [s]."""
        h, g = self.h, self.gravity_mps2
        first = np.clip(h.impulse_s, t, until) - t
        X, S = self._predict(X, S, first, self.heading)
        hit = (h.impulse_s > t) & (h.impulse_s <= until)
        S[:, [3, 4, 5], [3, 4, 5]] += (hit * h.impulse_mps**2)[:, None]
        after = np.where(
            np.isfinite(h.impulse_s)[:, None], self.heading_after_impulse, self.heading
        )
        X, S = self._predict(X, S, until - t - first, after)
        falls = until - np.clip(h.fall_s, t, until)
        X[:, 2] -= 0.5 * g * falls**2
        X[:, 5] -= g * falls
        return X, S

    def _predict(self, X: np.ndarray, S: np.ndarray, dt: np.ndarray, heading: np.ndarray) -> tuple:
        """For times (H,), braked along a heading, under white acceleration noise."""
        n = len(dt)
        heading = np.broadcast_to(heading, (n, 3))
        speed = (X[:, 3:] * heading).sum(axis=1)
        variance = np.einsum('hi,hij,hj->h', heading, S[:, 3:, 3:], heading)
        a = self.deceleration_mps2 * (heading != 0.0).any(axis=1)
        stopping_s = np.clip(speed / np.maximum(a, 1e-9), 0.0, dt)
        known = variance < KNOWN_SPEED_SIGMA_MPS**2
        braking_s = np.where(known, stopping_s, dt)
        F = np.tile(np.eye(6), (n, 1, 1))
        F[:, [0, 1, 2], [3, 4, 5]] = dt[:, None]
        # where it has come to rest, how fast it was makes no difference any more
        stopped = known & (a > 0.0) & (stopping_s < dt)
        F[:, 3:, 3:] -= stopped[:, None, None] * heading[:, :, None] * heading[:, None]
        q = (self.h.accel_noise_mps2 * dt) ** 2
        S = F @ S @ F.transpose(0, 2, 1)
        i, j = [0, 1, 2], [3, 4, 5]
        S[:, i, i] += (q * dt**2 / 3.0)[:, None]
        S[:, i, j] += (q * dt / 2.0)[:, None]
        S[:, j, i] += (q * dt / 2.0)[:, None]
        S[:, j, j] += q[:, None]
        X = X.copy()
        X[:, :3] += dt[:, None] * X[:, 3:]
        X[:, :3] -= (a * braking_s * (dt - 0.5 * braking_s))[:, None] * heading
        X[:, 3:] -= (a * braking_s)[:, None] * heading
        return X, S


def _headings(
    bank: FilterBank, measurements: list[PositionMeasurement]
) -> tuple[np.ndarray, np.ndarray]:
    """Level unit vectors (3,) of the motion before and after a blow; zero where there is none."""
    x = bank.mean
    positions = [x[:3], *(s.position_m for s in measurements)]
    travel = next(
        (
            positions[-1] - p
            for p in positions[-2::-1]
            if _horizontal_norm(positions[-1] - p) > MIN_TRAVEL_M
        ),
        x[3:],
    )
    now, then = (_horizontal_unit(v) for v in (x[3:], travel))
    return (now if _horizontal_norm(x[3:]) > KNOWN_SPEED_SIGMA_MPS else then), then


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
