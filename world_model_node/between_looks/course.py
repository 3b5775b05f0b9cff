"""How a moving object has gone on since the last look: unhindered, or struck or let go on the way.

A filter with one model cannot tell a blow from noise, and smears it over the whole time between
two looks. Here every instant of a few is tried as that of a blow, each hypothesis is filtered
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

from world_model_node.between_looks.frictions import FRICTIONS

INSTANTS = 6  # of a blow, between two looks
BLOWS_MPS = (0.1, 0.4, 1.2)  # standard deviations of what one changes
STRUCK = 0.4  # probability of one, where the motion is not calm
CALM_MPS2, LIVELY_MPS2 = 0.5, 4.0  # how much a velocity wavers without one
CALM_AT_FIRST, STAYS_CALM, CALMS_DOWN = 0.2, 0.9, 0.1
RELEASED = 1.0  # probability that what was held in the air is let go
LEAST_WEIGHT = 1e-12
KNOWN_MPS = 0.25  # standard deviation of a speed that tells when friction will have used it up
WAY_M = 0.003  # a shorter one has no direction


class Seen(NamedTuple):
    """Where a sensor saw the middle, some time after the last look."""

    after_s: float
    position_m: np.ndarray  # (3,)
    noise: np.ndarray  # (3, 3) m^2


class Hypotheses(NamedTuple):
    """What may have happened; H of them."""

    blow_s: np.ndarray  # (H,) after the last look; inf: none
    blow_mps: np.ndarray  # (H,) standard deviation of the change per axis
    fall_s: np.ndarray  # (H,) since when it falls; inf: something holds it
    wavers_mps2: np.ndarray  # (H,)
    weight: np.ndarray  # (H,)


class Models(NamedTuple):
    """The state by each of M frictions."""

    X: np.ndarray  # (M, 6) position and velocity
    P: np.ndarray  # (M, 6, 6)
    weight: np.ndarray  # (M,)
    braking_mps2: np.ndarray  # (M,)

    @property
    def mean(self) -> np.ndarray:
        """Of the state (6,)."""
        return self.weight @ self.X

    @property
    def covariance(self) -> np.ndarray:
        """Of the state (6, 6)."""
        return _moments(self.weight, self.X, self.P)[1]


class Course(NamedTuple):
    """What has come of it."""

    models: Models
    calm: float  # probability that the next stretch of the motion is calm


def unbraked(x: np.ndarray, P: np.ndarray) -> Models:
    """Of what no table brakes."""
    return Models(x[None], P[None], np.ones(1), np.zeros(1))


def braked(x: np.ndarray, P: np.ndarray, weight: np.ndarray, gravity_mps2: float) -> Models:
    """Of what may slide on the table, by the weights (M,) of the `FRICTIONS`."""
    m = len(FRICTIONS)
    return Models(np.tile(x, (m, 1)), np.tile(P, (m, 1, 1)), weight, FRICTIONS * gravity_mps2)


def hypotheses(dt_s: float, calm: float | None, aloft: bool) -> Hypotheses:
    """For an object that moved, or, with `calm` None, rested `dt_s` ago.

    Args:
        dt_s: since the last look.
        calm: of the course until then.
        aloft: whether the table did not carry it.
    """
    at_s = (np.arange(INSTANTS) + 0.5) / INSTANTS * dt_s
    lively = 1.0 if calm is None else 1.0 - calm
    each = (1.0 if calm is None else STRUCK) * lively / (INSTANTS * len(BLOWS_MPS))
    held = [(t, blow, np.inf, LIVELY_MPS2, each) for blow in BLOWS_MPS for t in at_s]
    if calm is not None:
        held += [
            (np.inf, 0.0, np.inf, CALM_MPS2, calm),
            (np.inf, 0.0, np.inf, LIVELY_MPS2, (1.0 - STRUCK) * lively),
        ]
    rows = held
    if aloft:
        rows = held + [(t, blow, t, w, p) for t, blow, _, w, p in held if np.isfinite(t)]
        rows += [(np.inf, 0.0, t, CALM_MPS2, RELEASED / INSTANTS) for t in at_s]
        if calm is not None:
            rows += [(t, blow, 0.0, w, 2.0 * p) for t, blow, _, w, p in held]
    columns = np.array(rows).T
    return Hypotheses(*columns[:4], columns[4] / columns[4].sum())


def followed(
    models: Models, dt_s: float, seen: list[Seen], h: Hypotheses, gravity_mps2: float
) -> Course:
    """What has become of a state in `dt_s`; `seen` in any order."""
    m, n = len(models.weight), len(h.weight)
    each = Hypotheses(*(np.tile(column, m) for column in h))
    X, S = np.repeat(models.X, n, axis=0), np.repeat(models.P, n, axis=0)
    with np.errstate(divide='ignore'):
        log_w = np.log(np.repeat(models.weight, n)) + np.log(each.weight)
    seen = sorted(seen, key=lambda s: s.after_s)
    going = _Going(each, np.repeat(models.braking_mps2, n), *_headings(models, seen), gravity_mps2)
    t = 0.0
    for item in seen:
        at = min(max(item.after_s, t), dt_s)
        X, S = going.on(X, S, t, at)
        t = at
        innovation = item.position_m - X[:, :3]
        spread = S[:, :3, :3] + item.noise
        K = np.linalg.solve(spread, S[:, :3]).transpose(0, 2, 1)
        d2 = (innovation[:, None] @ np.linalg.solve(spread, innovation[..., None]))[:, 0, 0]
        log_w = log_w - 0.5 * (d2 + np.linalg.slogdet(spread)[1])
        X = X + (K @ innovation[..., None])[..., 0]
        S = S - K @ spread @ K.transpose(0, 2, 1)
    X, S = going.on(X, S, t, dt_s)
    w = np.exp(log_w - log_w.max())
    w = np.maximum(w / w.sum(), LEAST_WEIGHT)
    own = w.reshape(m, n)
    total = own.sum(axis=1)
    moments = [
        _moments(own[k] / total[k], X[k * n : (k + 1) * n], S[k * n : (k + 1) * n])
        for k in range(m)
    ]
    was_calm = float(w[(each.wavers_mps2 == CALM_MPS2) & ~np.isfinite(each.blow_s)].sum())
    means, spreads = (np.stack(column) for column in zip(*moments, strict=True))
    return Course(
        Models(means, spreads, total / total.sum(), models.braking_mps2),
        CALMS_DOWN + (STAYS_CALM - CALMS_DOWN) * was_calm,
    )


class _Going(NamedTuple):
    """How each of H hypotheses goes on."""

    h: Hypotheses
    braking_mps2: np.ndarray  # (H,)
    heading: np.ndarray  # (3,) level, of the motion until a blow
    struck: np.ndarray  # (3,) level, after it
    gravity_mps2: float

    def on(self, X: np.ndarray, S: np.ndarray, t: float, until: float) -> tuple:
        """From a time to a later one [s]."""
        h, g = self.h, self.gravity_mps2
        first = np.clip(h.blow_s, t, until) - t
        X, S = self._drifted(X, S, first, self.heading)
        struck = (h.blow_s > t) & (h.blow_s <= until)
        S[:, [3, 4, 5], [3, 4, 5]] += (struck * h.blow_mps**2)[:, None]
        after = np.where(np.isfinite(h.blow_s)[:, None], self.struck, self.heading)
        X, S = self._drifted(X, S, until - t - first, after)
        falls = until - np.clip(h.fall_s, t, until)
        X[:, 2] -= 0.5 * g * falls**2
        X[:, 5] -= g * falls
        return X, S

    def _drifted(self, X: np.ndarray, S: np.ndarray, dt: np.ndarray, heading: np.ndarray) -> tuple:
        """For times (H,), braked along a heading, under white acceleration noise."""
        n = len(dt)
        heading = np.broadcast_to(heading, (n, 3))
        speed = (X[:, 3:] * heading).sum(axis=1)
        variance = np.einsum('hi,hij,hj->h', heading, S[:, 3:, 3:], heading)
        a = self.braking_mps2 * (heading != 0.0).any(axis=1)
        rest = np.clip(speed / np.maximum(a, 1e-9), 0.0, dt)
        known = variance < KNOWN_MPS**2
        braked = np.where(known, rest, dt)
        F = np.tile(np.eye(6), (n, 1, 1))
        F[:, [0, 1, 2], [3, 4, 5]] = dt[:, None]
        # where it has come to rest, how fast it was makes no difference any more
        stopped = known & (a > 0.0) & (rest < dt)
        F[:, 3:, 3:] -= stopped[:, None, None] * heading[:, :, None] * heading[:, None]
        q = (self.h.wavers_mps2 * dt) ** 2
        S = F @ S @ F.transpose(0, 2, 1)
        i, j = [0, 1, 2], [3, 4, 5]
        S[:, i, i] += (q * dt**2 / 3.0)[:, None]
        S[:, i, j] += (q * dt / 2.0)[:, None]
        S[:, j, i] += (q * dt / 2.0)[:, None]
        S[:, j, j] += q[:, None]
        X = X.copy()
        X[:, :3] += dt[:, None] * X[:, 3:]
        X[:, :3] -= (a * braked * (dt - 0.5 * braked))[:, None] * heading
        X[:, 3:] -= (a * braked)[:, None] * heading
        return X, S


def _headings(models: Models, seen: list[Seen]) -> tuple[np.ndarray, np.ndarray]:
    """Level unit vectors (3,) of the motion before and after a blow; zero where there is none."""
    x = models.mean
    spots = [x[:3], *(s.position_m for s in seen)]
    way = next((spots[-1] - p for p in spots[-2::-1] if _level(spots[-1] - p) > WAY_M), x[3:])
    now, then = (_unit(v) for v in (x[3:], way))
    return (now if _level(x[3:]) > KNOWN_MPS else then), then


def _level(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector[:2]))


def _unit(vector: np.ndarray) -> np.ndarray:
    length = _level(vector)
    return np.array([*vector[:2], 0.0]) / length if length > 1e-3 else np.zeros(3)


def _moments(w: np.ndarray, X: np.ndarray, S: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (6,) and covariance (6, 6) of a mixture."""
    mean = w @ X
    away = X - mean
    S = np.einsum('h,hij->ij', w, S + away[:, :, None] * away[:, None])
    return mean, 0.5 * (S + S.T)
