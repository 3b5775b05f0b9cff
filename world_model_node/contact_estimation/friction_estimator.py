"""The friction of one object: at least what it bore, and about the ratio at which it slid."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from sakiyomi.scene import Gaussian
from world_model_node.contact_estimation.property_prior import gaussian_product

# of the ratio at which it slides: places differ
SLIP_RATIO_SIGMA, SLIP_RELATIVE_SIGMA = 0.02, 0.12
# of it: one in four slides on an edge or a taper, which friction does not tell
OUTLIER_RELATIVE_SIGMA = 0.3
STICK_RATIO_SIGMA = 0.05
MIN_FRICTION = 0.01
MAX_CREDIBLE_RATIO = 1.5  # above it the shear was that of an edge or a jolt, not of bearing


class FrictionEstimator:
    """A normal prior times the two likelihoods, as a normal of the same moments."""

    def __init__(self, prior: Gaussian) -> None:
        self.prior = prior
        self._stick_ratio = 0.0
        self._slip_ratio: float | None = None
        self._num_slips = 0

    def observe_stick(self, ratio: float) -> None:
        """It bore this ratio of shear to normal force without slipping."""
        if ratio > MAX_CREDIBLE_RATIO:
            return
        self._stick_ratio = max(self._stick_ratio, ratio)
        if self._slip_ratio is not None and ratio > self._slip_ratio + 3.0 * self._slip_sigma:
            self._slip_ratio, self._num_slips = None, 0  # what looked like a slip was none

    def observe_slip(self, ratio: float, loosened: bool = False) -> None:
        """It slipped at this ratio; if its grip `loosened`, it cannot have borne more."""
        self._num_slips += 1
        previous = ratio if self._slip_ratio is None else self._slip_ratio
        self._slip_ratio = previous + (ratio - previous) / self._num_slips
        if loosened:
            self._stick_ratio = min(self._stick_ratio, self._slip_ratio)

    @property
    def _slip_sigma(self) -> float:
        return float(np.hypot(SLIP_RATIO_SIGMA, SLIP_RELATIVE_SIGMA * self._slip_ratio))

    @property
    def posterior(self) -> Gaussian:
        """What is believed now."""
        belief = self.prior
        if self._slip_ratio is not None:
            belief = gaussian_product(belief, Gaussian(self._slip_ratio, self._slip_sigma**2))
        return bounded_below(belief, self._stick_ratio) if self._stick_ratio > 0.0 else belief

    @property
    def measured_friction(self) -> Gaussian | None:
        """What sliding has told, as unsure as it is for an object of any shape; None before that.

        Those that go astray widen it, but are too few to move it.
        """
        if self._slip_ratio is None:
            return None
        belief = self.posterior
        return Gaussian(
            belief.mean, belief.variance + (OUTLIER_RELATIVE_SIGMA * self._slip_ratio) ** 2
        )


def bounded_below(one: Gaussian, bound: float, sigma: float = STICK_RATIO_SIGMA) -> Gaussian:
    """The moments of a normal times Phi((x - bound) / sigma).

    Rasmussen and Williams, Gaussian processes for machine learning, 2006, eq. 3.85 and 3.86.
    """
    scale = np.sqrt(one.variance + sigma**2)
    z = (one.mean - bound) / scale
    mills_ratio = _inverse_mills_ratio(z)
    mean = one.mean + one.variance * mills_ratio / scale
    variance = one.variance - one.variance**2 * mills_ratio / scale**2 * (z + mills_ratio)
    return Gaussian(max(float(mean), MIN_FRICTION), max(float(variance), 1e-6))


def _inverse_mills_ratio(z: float) -> float:
    """The normal density over its distribution function; -z far below, where both vanish."""
    return -z if z < -30.0 else float(np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi) / ndtr(z))
