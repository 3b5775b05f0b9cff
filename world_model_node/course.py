"""How a moving object has gone on since the last look: unhindered, or struck or let go on the way.

A filter with one model cannot tell a blow from noise, and smears it over the whole time between
two looks. Here every instant of a few is tried as that of a blow, each hypothesis is filtered
through what the sensors saw at their own instants, and the mixture is collapsed to its moments
(the generalised pseudo-Bayesian estimator of first order: Bar-Shalom, Li and Kirubarajan,
Estimation with applications to tracking and navigation, 2001, section 11.6.4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

INSTANTS = 6  # of a blow, between two looks
BLOWS_MPS = (0.1, 0.4, 1.2)  # standard deviations of what one changes
STRUCK = 0.4  # probability of one, where the motion is not calm
CALM_MPS2, LIVELY_MPS2 = 0.5, 4.0  # how much a velocity wavers without one
CALM_AT_FIRST, STAYS_CALM, CALMS_DOWN = 0.2, 0.9, 0.1
RELEASED = 1.0  # probability that what was held in the air is let go
LEAST_WEIGHT = 1e-12


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


class Course(NamedTuple):
    """What has come of it."""

    x: np.ndarray  # (6,) position and velocity
    P: np.ndarray  # (6, 6)
    calm: float  # probability that the next stretch of the motion is calm


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
    x: np.ndarray, P: np.ndarray, dt_s: float, seen: list[Seen], h: Hypotheses, gravity_mps2: float
) -> Course:
    """The state `dt_s` after (6,) and (6, 6); `seen` in any order."""
    n = len(h.weight)
    X, S, log_w, t = np.tile(x, (n, 1)), np.tile(P, (n, 1, 1)), np.log(h.weight), 0.0
    for item in sorted(seen, key=lambda s: s.after_s):
        at = min(max(item.after_s, t), dt_s)
        X, S = _gone_on(X, S, t, at, h, gravity_mps2)
        t = at
        innovation = item.position_m - X[:, :3]
        spread = S[:, :3, :3] + item.noise
        K = np.linalg.solve(spread, S[:, :3]).transpose(0, 2, 1)
        d2 = (innovation[:, None] @ np.linalg.solve(spread, innovation[..., None]))[:, 0, 0]
        log_w = log_w - 0.5 * (d2 + np.linalg.slogdet(spread)[1])
        X = X + (K @ innovation[..., None])[..., 0]
        S = S - K @ spread @ K.transpose(0, 2, 1)
    X, S = _gone_on(X, S, t, dt_s, h, gravity_mps2)
    w = np.exp(log_w - log_w.max())
    w = np.maximum(w / w.sum(), LEAST_WEIGHT)
    mean = w @ X
    away = X - mean
    S = np.einsum('h,hij->ij', w, S + away[:, :, None] * away[:, None])
    was_calm = float(w[(h.wavers_mps2 == CALM_MPS2) & ~np.isfinite(h.blow_s)].sum())
    calm = CALMS_DOWN + (STAYS_CALM - CALMS_DOWN) * was_calm
    return Course(mean, 0.5 * (S + S.T), calm)


def _gone_on(
    X: np.ndarray, S: np.ndarray, t: float, until: float, h: Hypotheses, g: float
) -> tuple[np.ndarray, np.ndarray]:
    """From a time to a later one [s], each hypothesis in its way."""
    first = np.clip(h.blow_s, t, until) - t
    X, S = _drifted(X, S, first, h.wavers_mps2)
    struck = (h.blow_s > t) & (h.blow_s <= until)
    S[:, [3, 4, 5], [3, 4, 5]] += (struck * h.blow_mps**2)[:, None]
    X, S = _drifted(X, S, until - t - first, h.wavers_mps2)
    falls = until - np.clip(h.fall_s, t, until)
    X[:, 2] -= 0.5 * g * falls**2
    X[:, 5] -= g * falls
    return X, S


def _drifted(
    X: np.ndarray, S: np.ndarray, dt: np.ndarray, wavers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """At constant velocity for times (H,), under white acceleration noise."""
    F = np.tile(np.eye(6), (len(dt), 1, 1))
    F[:, [0, 1, 2], [3, 4, 5]] = dt[:, None]
    q = (wavers * dt) ** 2
    S = F @ S @ F.transpose(0, 2, 1)
    i, j = [0, 1, 2], [3, 4, 5]
    S[:, i, i] += (q * dt**2 / 3.0)[:, None]
    S[:, i, j] += (q * dt / 2.0)[:, None]
    S[:, j, i] += (q * dt / 2.0)[:, None]
    S[:, j, j] += q[:, None]
    return (F @ X[..., None])[..., 0], S
