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
from world_model_node.touch.contacts import LEAST_SHARE

MIN_READINGS = 4
MIN_SIGNAL = 5.0  # a shear less far above its noise has no pattern that could be told
SLIDING_SPREAD, STICKING_SPREAD = 0.03, 0.4
VIBRATION_SHARE = 0.08  # of the normal force: a shear that trembles so much is sliding
VIBRATION_SPREAD = 0.02
RATIO_SIGMA = 0.02
STEADY_SHARE = 0.5  # a normal force that changes by more from reading to reading is no grip yet
START_RATE, STAY_RATE = 0.02, 0.8  # chance of slip beginning, and going on, from look to look
MAX_START_RATE = 0.2
MAX_ODDS = 30.0  # that one look may be worth
MIN_PATCH_M = 0.004  # the pattern of a smaller contact is only that of the pad's own skin


@dataclass(frozen=True)
class Shear:
    """What one pad feels of a load along its surface."""

    ratio: float  # of shear to normal force, taxel by taxel, so that twisting counts
    spread: float | None  # of the shear around ratio x pressure, relative; None where unclear
    vibration: float  # of the shear, beyond that of the normal force and relative to it


def pad_shear(readings: list[TactileReading], contact_force_n: float) -> Shear | None:
    """The shear in a pad's newest readings, oldest first; None where nothing presses."""
    if not readings:
        return None
    taxels = readings[-1].forces_n.shape
    forces = np.array([r.forces_n for r in readings if r.forces_n.shape == taxels], float)
    mean = forces.mean(axis=0)  # (n, 3) pad frame
    press_n = float(mean[:, 2].sum())
    if press_n <= contact_force_n:
        return None
    pressed = mean[:, 2] > LEAST_SHARE * mean[:, 2].max()
    sheared = np.linalg.norm(mean[pressed, :2], axis=1)
    ratio = float(sheared.sum() / mean[pressed, 2].sum())
    total = forces.sum(axis=1)
    if np.ptp(total[:, 2]) > STEADY_SHARE * press_n:  # still closing, or letting go
        return Shear(ratio, None, 0.0)
    vibration = max(high_pass(total[:, :2]) - high_pass(total[:, 2:]), 0.0) / press_n
    wide = _patch_m(readings[-1].points_m[pressed], mean[pressed, 2]) >= MIN_PATCH_M
    return Shear(ratio, _spread(forces, mean) if wide else None, vibration)


def _patch_m(points: np.ndarray, press: np.ndarray) -> float:
    """The standard deviation of pressure (n,) over taxels (n, 3) along its longest axis [m]."""
    share = press / press.sum()
    offset = points[:, :2].astype(float) - share @ points[:, :2]
    return float(np.sqrt(np.linalg.eigvalsh((offset * share[:, None]).T @ offset)[-1]))


def _spread(forces: np.ndarray, mean: np.ndarray) -> float | None:
    """How far (T, n, 3) forces are from shear = ratio x pressure; their own noise taken off."""
    if len(forces) < MIN_READINGS:
        return None
    shear, press = mean[:, :2], mean[:, 2:]
    power = float(np.sum(press**2))
    ratio = (shear * press).sum(axis=0) / power
    noise = float(np.mean(np.diff(forces, n=2, axis=0) ** 2)) / 6.0  # (N^2) of one number
    noise *= shear.size / len(forces)
    signal = float(ratio @ ratio) * power
    if signal < MIN_SIGNAL**2 * noise or signal <= 0.0:
        return None
    rest = float(np.sum((shear - press * ratio) ** 2))
    return float(np.sqrt(max(rest - noise, 0.0) / signal))


def high_pass(shear: np.ndarray) -> float:
    """Root mean square of the second differences of (T, k): what a straight change leaves."""
    if len(shear) < MIN_READINGS:
        return 0.0
    second = np.diff(shear, n=2, axis=0) / np.sqrt(6.0)  # unit gain for white noise
    return float(np.sqrt(np.mean(np.sum(second**2, axis=1))))


class SlipFilter:
    """The probability that what is held slides, look by look (a hidden Markov model)."""

    def __init__(self) -> None:
        self.probability = 0.0

    def update(self, shears: list[Shear], friction: Gaussian, falls: bool = False) -> float:
        """Take in what the pads feel at one instant; the probability of sliding now.

        Args:
            shears: of the pads that are pressed.
            friction: believed.
            falls: what the hand bears falls short of the object's weight.
        """
        if not shears:
            self.probability = 0.0
            return 0.0
        # how near the cone's edge it is tells once how soon it may slip, not anew at every look
        edge = _cone_odds(max(s.ratio for s in shears), friction)
        start_rate = min(START_RATE * edge, MAX_START_RATE)
        before = STAY_RATE * self.probability + start_rate * (1.0 - self.probability)
        odds = (MAX_ODDS**2 if falls else slip_odds(shears)) * before / (1.0 - before)
        self.probability = odds / (1.0 + odds)
        return self.probability


def slip_odds(shears: list[Shear]) -> float:
    """How much likelier the pads' shears are where they slide than where they stick."""
    odds = 1.0
    for shear in shears:
        if shear.spread is not None:
            odds *= _half_normal(shear.spread, SLIDING_SPREAD, STICKING_SPREAD)
    trembling = float(
        ndtr((max(s.vibration for s in shears) - VIBRATION_SHARE) / VIBRATION_SPREAD)
    )
    odds *= max(1.0, trembling / max(1.0 - trembling, 1e-3))  # sliding may be smooth
    return float(np.clip(odds, 1.0 / MAX_ODDS, MAX_ODDS))


def _half_normal(value: float, one: float, other: float) -> float:
    return other / one * float(np.exp(-0.5 * value**2 * (one**-2 - other**-2)))


def _cone_odds(ratio: float, friction: Gaussian) -> float:
    """Sliding takes all of the friction; sticking any share of it."""
    mean, sigma = max(friction.mean, 0.01), float(np.hypot(friction.variance**0.5, RATIO_SIGMA))
    z = (ratio - mean) / sigma
    slides = np.exp(-0.5 * z**2) / (sigma * np.sqrt(2.0 * np.pi))
    return float(slides * mean / max(ndtr(-z), 1e-6))
