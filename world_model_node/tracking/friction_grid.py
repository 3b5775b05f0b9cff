"""Friction of a sliding object as weights of a few values, by its observed braking."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from world_model_node.tracking.motion_config import FrictionGridConfig

MIN_WEIGHT = 1e-12  # keeps every weight above zero


class FrictionGrid:
    """Weights (M,) over a grid of friction coefficients, of which the first is zero."""

    def __init__(self, config: FrictionGridConfig) -> None:
        self.config = config
        self.values = np.array(config.values)  # (M,)
        self.cell_widths = np.gradient(self.values[1:])  # (M - 1,)
        free = config.free_probability
        self.prior_weights = np.concatenate(
            [[free], (1.0 - free) * self.cell_widths / self.cell_widths.sum()]
        )

    def predict(self, weight: np.ndarray, was_stationary: bool) -> np.ndarray:
        """The weights (M,) of the next frame: friction stays, motion without friction may end."""
        share = 1.0 if was_stationary else self.config.forgetting_share
        free = weight[0] + share * (self.config.free_probability - weight[0])
        some = weight[1:] + MIN_WEIGHT
        return np.concatenate([[free], (1.0 - free) * some / some.sum()])

    def posterior(self, weight: np.ndarray, prior: Gaussian) -> Gaussian:
        """Mean and variance of the friction, for sliding and motion without friction together.

        Args:
            weight: the weights (M,), of which `prior_weights` hold no evidence.
            prior: the friction by other evidence.
        """
        some, prior_weights = self.values[1:], self.prior_weights[1:]
        evidence = weight[1:] / prior_weights + MIN_WEIGHT
        w = evidence**self.config.evidence_exponent * prior_weights
        w = w * np.exp(-0.5 * (some - prior.mean) ** 2 / prior.variance) + MIN_WEIGHT
        w = w / w.sum()
        mean = float(w @ some)
        variance = float(w @ ((some - mean) ** 2 + self.cell_widths**2 / 12.0))
        sliding_probability = 1.0 - float(weight[0])
        both = sliding_probability * mean + (1.0 - sliding_probability) * prior.mean
        spread = sliding_probability * (variance + (mean - both) ** 2)
        spread += (1.0 - sliding_probability) * (prior.variance + (prior.mean - both) ** 2)
        return Gaussian(both, spread)
