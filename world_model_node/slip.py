"""Incipient slip: the shear nears the edge of the friction cone, and a sliding skin vibrates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from sakiyomi.scene import Gaussian
from sakiyomi.sensing import TactileReading

VIBRATION_SHARE = 0.05  # of the normal force: a shear that trembles so much is sliding
VIBRATION_SPREAD = 0.02
MIN_READINGS = 4


@dataclass(frozen=True)
class Slip:
    """What one pad feels of slip."""

    friction_used: float  # shear over normal force
    vibration: float  # of the shear above the pass, over the normal force
    probability: float


NO_SLIP = Slip(0.0, 0.0, 0.0)


def pad_slip(readings: list[TactileReading], friction: Gaussian, contact_force_n: float) -> Slip:
    """Slip from a pad's newest readings, oldest first; nothing where nothing presses.

    The probability is that of a friction below the one in use, or of a vibration: whichever says
    more.
    """
    if not readings:
        return NO_SLIP
    forces = np.array([r.forces_n.sum(axis=0) for r in readings], float)  # (T, 3) pad frame
    press = float(forces[-1, 2])
    if press <= contact_force_n:
        return NO_SLIP
    used = float(np.linalg.norm(forces[-1, :2]) / press)
    vibration = high_pass(forces[:, :2]) / press
    edge = float(ndtr((used - friction.mean) / np.sqrt(max(friction.variance, 1e-9))))
    trembling = float(ndtr((vibration - VIBRATION_SHARE) / VIBRATION_SPREAD))
    probability = max(edge, trembling if len(readings) >= MIN_READINGS else 0.0)
    return Slip(used, vibration, probability)


def high_pass(shear: np.ndarray) -> float:
    """Root mean square of the second differences of (T, 2): what a straight change leaves."""
    if len(shear) < MIN_READINGS:
        return 0.0
    second = np.diff(shear, n=2, axis=0) / np.sqrt(6.0)  # unit gain for white noise
    return float(np.sqrt(np.mean(np.sum(second**2, axis=1))))
