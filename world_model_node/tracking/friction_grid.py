"""What is known of an object's friction from how it slid: a weight for each of a few values."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian

# the first stands for whatever friction does not brake: what rolls, or rides on a belt
FRICTION_GRID = np.array([0.0, 0.1, 0.16, 0.24, 0.34, 0.46, 0.6, 0.77, 0.97])
MIN_WEIGHT = 1e-12
FREE_PROBABILITY = 0.3  # probability of that
FORGETTING_SHARE = 0.1  # share of that which is forgotten from one frame to the next in motion
# of what frames tell counts: errors of one surface are alike in all of them
EVIDENCE_EXPONENT = 0.5
CELL_WIDTHS = np.gradient(FRICTION_GRID[1:])  # that each of the others stands for
PRIOR_WEIGHTS = np.concatenate(
    [[FREE_PROBABILITY], (1.0 - FREE_PROBABILITY) * CELL_WIDTHS / CELL_WIDTHS.sum()]
)


def predict_weights(weight: np.ndarray, was_stationary: bool) -> np.ndarray:
    """The weights (M,) as the next stretch begins: friction stays, what brakes may change."""
    free = weight[0] + (1.0 if was_stationary else FORGETTING_SHARE) * (
        FREE_PROBABILITY - weight[0]
    )
    some = weight[1:] + MIN_WEIGHT
    return np.concatenate([[free], (1.0 - free) * some / some.sum()])


def friction_posterior(weight: np.ndarray, prior: Gaussian) -> Gaussian:
    """Mean and variance of the friction of what slid, or else was not braked by friction.

    Args:
        weight: (M,) `PRIOR_WEIGHTS` before it slid.
        prior: what is known from elsewhere.
    """
    some = FRICTION_GRID[1:]
    w = (weight[1:] / PRIOR_WEIGHTS[1:] + MIN_WEIGHT) ** EVIDENCE_EXPONENT * PRIOR_WEIGHTS[1:]
    w = w * np.exp(-0.5 * (some - prior.mean) ** 2 / prior.variance) + MIN_WEIGHT
    w = w / w.sum()
    mean = float(w @ some)
    variance = float(w @ ((some - mean) ** 2 + CELL_WIDTHS**2 / 12.0))
    sliding_probability = 1.0 - float(weight[0])
    both = sliding_probability * mean + (1.0 - sliding_probability) * prior.mean
    spread = sliding_probability * (variance + (mean - both) ** 2)
    spread += (1.0 - sliding_probability) * (prior.variance + (prior.mean - both) ** 2)
    return Gaussian(both, spread)
