"""The friction of one object: at least what it bore, and about the ratio at which it slid."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from sakiyomi.scene import Gaussian
from world_model_node.feeling.properties import combined

SLID_SIGMA, SLID_SHARE = 0.02, 0.12  # of the ratio at which it slides: places differ
ASTRAY_SHARE = 0.3  # of it: one in four slides on an edge or a taper, which friction does not tell
HELD_SIGMA = 0.05
MIN_FRICTION = 0.01
CREDIBLE_RATIO = 1.5  # above it the shear was that of an edge or a jolt, not of bearing


class FrictionBelief:
    """A normal prior times the two likelihoods, as a normal of the same moments."""

    def __init__(self, prior: Gaussian) -> None:
        self.prior = prior
        self._held_ratio = 0.0
        self._slid_ratio: float | None = None
        self._slid = 0

    def held(self, ratio: float) -> None:
        """It bore this ratio of shear to normal force without slipping."""
        if ratio > CREDIBLE_RATIO:
            return
        self._held_ratio = max(self._held_ratio, ratio)
        if self._slid_ratio is not None and ratio > self._slid_ratio + 3.0 * self._slid_sigma:
            self._slid_ratio, self._slid = None, 0  # what looked like a slip was none

    def slid(self, ratio: float, loosened: bool = False) -> None:
        """It slipped at this ratio; if its grip `loosened`, it cannot have borne more."""
        self._slid += 1
        before = ratio if self._slid_ratio is None else self._slid_ratio
        self._slid_ratio = before + (ratio - before) / self._slid
        if loosened:
            self._held_ratio = min(self._held_ratio, self._slid_ratio)

    @property
    def _slid_sigma(self) -> float:
        return float(np.hypot(SLID_SIGMA, SLID_SHARE * self._slid_ratio))

    @property
    def belief(self) -> Gaussian:
        """What is believed now."""
        told = self.prior
        if self._slid_ratio is not None:
            told = combined(told, Gaussian(self._slid_ratio, self._slid_sigma**2))
        return at_least(told, self._held_ratio) if self._held_ratio > 0.0 else told

    @property
    def measured(self) -> Gaussian | None:
        """What sliding has told, as unsure as it is for an object of any shape; None before that.

        Those that go astray widen it, but are too few to move it.
        """
        if self._slid_ratio is None:
            return None
        told = self.belief
        return Gaussian(told.mean, told.variance + (ASTRAY_SHARE * self._slid_ratio) ** 2)


def at_least(one: Gaussian, bound: float, sigma: float = HELD_SIGMA) -> Gaussian:
    """The moments of a normal times Phi((x - bound) / sigma).

    Rasmussen and Williams, Gaussian processes for machine learning, 2006, eq. 3.85 and 3.86.
    """
    scale = np.sqrt(one.variance + sigma**2)
    z = (one.mean - bound) / scale
    hazard = _hazard(z)
    mean = one.mean + one.variance * hazard / scale
    variance = one.variance - one.variance**2 * hazard / scale**2 * (z + hazard)
    return Gaussian(max(float(mean), MIN_FRICTION), max(float(variance), 1e-6))


def _hazard(z: float) -> float:
    """The normal density over its distribution function; -z far below, where both vanish."""
    return -z if z < -30.0 else float(np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi) / ndtr(z))
