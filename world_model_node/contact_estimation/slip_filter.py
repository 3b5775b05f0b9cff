"""Slip of what is held: where a contact slides, shear is friction times pressure everywhere.

While a contact sticks, its shear is spread otherwise than its pressure, and slip sets in where the
two first reach the friction's ratio (Cattaneo, 1938; Mindlin, 1949; Chen et al., Tactile sensors
for friction estimation and incipient slip detection, 2018). A sliding skin may tremble as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from sakiyomi.scene import Gaussian
from sakiyomi.sensing import TactileReading
from world_model_node.contact_estimation.pad_loads import MIN_TAXEL_RATIO

MIN_READINGS = 4
MIN_SIGNAL_TO_NOISE = 5.0  # a shear less far above its noise has no pattern that could be told
SLIDING_RESIDUAL_SIGMA, STICKING_RESIDUAL_SIGMA = 0.03, 0.4
SLIDING_VIBRATION_RATIO = 0.08  # of the normal force: a shear that trembles so much is sliding
VIBRATION_RATIO_SIGMA = 0.02
RATIO_SIGMA = 0.02
# a normal force that changes by more from reading to reading is no grip yet
MAX_GRIP_CHANGE_RATIO = 0.5
# chance of slip beginning, and going on, from look to look
ONSET_PROBABILITY, PERSISTENCE_PROBABILITY = 0.02, 0.8
MAX_ONSET_PROBABILITY = 0.2
MAX_ODDS = 30.0  # that one look may be worth
MIN_PATCH_M = 0.004  # the pattern of a smaller contact is only that of the pad's own skin


@dataclass(frozen=True)
class PadShear:
    """What one pad feels of a load along its surface."""

    ratio: float  # of shear to normal force, taxel by taxel, so that twisting counts
    residual: float | None  # of the shear around ratio x pressure, relative; None where unclear
    vibration: float  # of the shear, beyond that of the normal force and relative to it


def measure_pad_shear(readings: list[TactileReading], contact_force_n: float) -> PadShear | None:
    """The shear in a pad's newest readings, oldest first; None where nothing presses."""
    if not readings:
        return None
    taxels = readings[-1].forces_n.shape
    forces = np.array([r.forces_n for r in readings if r.forces_n.shape == taxels], float)
    mean = forces.mean(axis=0)  # (n, 3) pad frame
    normal_n = float(mean[:, 2].sum())
    if normal_n <= contact_force_n:
        return None
    pressed = mean[:, 2] > MIN_TAXEL_RATIO * mean[:, 2].max()
    taxel_shear_n = np.linalg.norm(mean[pressed, :2], axis=1)
    ratio = float(taxel_shear_n.sum() / mean[pressed, 2].sum())
    total = forces.sum(axis=1)
    if np.ptp(total[:, 2]) > MAX_GRIP_CHANGE_RATIO * normal_n:  # still closing, or letting go
        return PadShear(ratio, None, 0.0)
    vibration = max(high_pass_rms(total[:, :2]) - high_pass_rms(total[:, 2:]), 0.0) / normal_n
    wide = _patch_radius_m(readings[-1].points_m[pressed], mean[pressed, 2]) >= MIN_PATCH_M
    return PadShear(ratio, _coulomb_residual(forces, mean) if wide else None, vibration)


def _patch_radius_m(points: np.ndarray, pressure: np.ndarray) -> float:
    """The standard deviation of pressure (n,) over taxels (n, 3) along its longest axis [m]."""
    share = pressure / pressure.sum()
    offset = points[:, :2].astype(float) - share @ points[:, :2]
    return float(np.sqrt(np.linalg.eigvalsh((offset * share[:, None]).T @ offset)[-1]))


def _coulomb_residual(forces: np.ndarray, mean: np.ndarray) -> float | None:
    """How far (T, n, 3) forces are from shear = ratio x pressure; their own noise taken off."""
    if len(forces) < MIN_READINGS:
        return None
    shear, pressure = mean[:, :2], mean[:, 2:]
    power = float(np.sum(pressure**2))
    ratio = (shear * pressure).sum(axis=0) / power
    noise = float(np.mean(np.diff(forces, n=2, axis=0) ** 2)) / 6.0  # (N^2) of one number
    noise *= shear.size / len(forces)
    signal = float(ratio @ ratio) * power
    if signal < MIN_SIGNAL_TO_NOISE**2 * noise or signal <= 0.0:
        return None
    rest = float(np.sum((shear - pressure * ratio) ** 2))
    return float(np.sqrt(max(rest - noise, 0.0) / signal))


def high_pass_rms(shear: np.ndarray) -> float:
    """Root mean square of the second differences of (T, k): what a straight change leaves."""
    if len(shear) < MIN_READINGS:
        return 0.0
    second = np.diff(shear, n=2, axis=0) / np.sqrt(6.0)  # unit gain for white noise
    return float(np.sqrt(np.mean(np.sum(second**2, axis=1))))


class SlipFilter:
    """The probability that what is held slides, look by look (a hidden Markov model)."""

    def __init__(self) -> None:
        self.probability = 0.0

    def update(
        self, shears: list[PadShear], friction: Gaussian, weight_deficit: bool = False
    ) -> float:
        """Take in what the pads feel at one instant; the probability of sliding now.

        Args:
            shears: of the pads that are pressed.
            friction: believed.
            weight_deficit: what the hand bears falls short of the object's weight.
        """
        if not shears:
            self.probability = 0.0
            return 0.0
        # how near the cone's edge it is tells once how soon it may slip, not anew at every look
        cone_odds = _friction_cone_odds(max(s.ratio for s in shears), friction)
        onset = min(ONSET_PROBABILITY * cone_odds, MAX_ONSET_PROBABILITY)
        predicted = PERSISTENCE_PROBABILITY * self.probability + onset * (1.0 - self.probability)
        odds = (
            (MAX_ODDS**2 if weight_deficit else slip_odds(shears)) * predicted / (1.0 - predicted)
        )
        self.probability = odds / (1.0 + odds)
        return self.probability


def slip_odds(shears: list[PadShear]) -> float:
    """How much likelier the pads' shears are where they slide than where they stick."""
    odds = 1.0
    for shear in shears:
        if shear.residual is not None:
            odds *= _half_normal_ratio(
                shear.residual, SLIDING_RESIDUAL_SIGMA, STICKING_RESIDUAL_SIGMA
            )
    trembling = float(
        ndtr((max(s.vibration for s in shears) - SLIDING_VIBRATION_RATIO) / VIBRATION_RATIO_SIGMA)
    )
    odds *= max(1.0, trembling / max(1.0 - trembling, 1e-3))  # sliding may be smooth
    return float(np.clip(odds, 1.0 / MAX_ODDS, MAX_ODDS))


def _half_normal_ratio(value: float, one: float, other: float) -> float:
    return other / one * float(np.exp(-0.5 * value**2 * (one**-2 - other**-2)))


def _friction_cone_odds(ratio: float, friction: Gaussian) -> float:
    """Sliding takes all of the friction; sticking any share of it."""
    mean, sigma = max(friction.mean, 0.01), float(np.hypot(friction.variance**0.5, RATIO_SIGMA))
    z = (ratio - mean) / sigma
    slides = np.exp(-0.5 * z**2) / (sigma * np.sqrt(2.0 * np.pi))
    return float(slides * mean / max(ndtr(-z), 1e-6))
