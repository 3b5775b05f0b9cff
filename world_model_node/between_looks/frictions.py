"""What is known of an object's friction from how it slid: a weight for each of a few values."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian

# the first stands for whatever friction does not brake: what rolls, or rides on a belt
FRICTIONS = np.array([0.0, 0.1, 0.16, 0.24, 0.34, 0.46, 0.6, 0.77, 0.97])
TINY = 1e-12
UNBRAKED = 0.3  # probability of that
CHANGES = 0.1  # share of that which is forgotten from one look to the next in motion
EVIDENCE = 0.5  # of what frames tell counts: errors of one surface are alike in all of them
WIDTH = np.gradient(FRICTIONS[1:])  # that each of the others stands for
UNKNOWN = np.concatenate([[UNBRAKED], (1.0 - UNBRAKED) * WIDTH / WIDTH.sum()])


def later(weight: np.ndarray, rested: bool) -> np.ndarray:
    """The weights (M,) as the next stretch begins: friction stays, what brakes may change."""
    unbraked = weight[0] + (1.0 if rested else CHANGES) * (UNBRAKED - weight[0])
    some = weight[1:] + TINY
    return np.concatenate([[unbraked], (1.0 - unbraked) * some / some.sum()])


def friction_of(weight: np.ndarray, before: Gaussian) -> Gaussian:
    """Mean and variance of the friction of what slid, or else was not braked by friction.

    Args:
        weight: (M,) `UNKNOWN` before it slid.
        before: what is known from elsewhere.
    """
    some = FRICTIONS[1:]
    w = (weight[1:] / UNKNOWN[1:] + TINY) ** EVIDENCE * UNKNOWN[1:]
    w = w * np.exp(-0.5 * (some - before.mean) ** 2 / before.variance) + TINY
    w = w / w.sum()
    mean = float(w @ some)
    variance = float(w @ ((some - mean) ** 2 + WIDTH**2 / 12.0))
    told = 1.0 - float(weight[0])
    both = told * mean + (1.0 - told) * before.mean
    spread = told * (variance + (mean - both) ** 2)
    spread += (1.0 - told) * (before.variance + (before.mean - both) ** 2)
    return Gaussian(both, spread)
