"""Loosen a grip until the held object begins to slide, then restore the grip.

The force at which the object slides gives its friction; a firm grip gives only a bound (Johansson
and Westling, Experimental brain research, 1984).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FrictionProbeConfig:
    """How a grip is loosened.

    Attributes:
        num_baseline_readings: readings of the wrist that give the load before.
        num_smoothed_readings: newest readings that are averaged.
        force_decay: factor on the force from reading to reading; under a smaller one, light
            objects fall between two readings.
        min_force_n: force at which the probe gives up: friction does not carry the load.
        min_load_drop: share of the load that must be missing for a slip.
        noise_n: sigma of the wrist's readings.
        noise_sigmas: sigmas of noise that a drop must exceed.
    """

    num_baseline_readings: int = 20
    num_smoothed_readings: int = 6
    force_decay: float = 0.97
    min_force_n: float = 0.15
    min_load_drop: float = 0.1
    noise_n: float = 0.05
    noise_sigmas: float = 4.0


class FrictionProbe:
    """One attempt, reading by reading.

    Args:
        force_n: force of the grip before and after the attempt.
        config: of the loosening.
    """

    def __init__(self, force_n: float, config: FrictionProbeConfig) -> None:
        self.config = config
        self.grip_force_n = self._force_n = force_n
        self._baseline: list[float] = []
        self._newest: deque[float] = deque(maxlen=config.num_smoothed_readings)
        self.done = self.slipped = False

    def force_n(self, load_n: float) -> float:
        """The grip's force from now on, after a reading of the load on the wrist [N]."""
        if self.done:
            return self.grip_force_n
        if len(self._baseline) < self.config.num_baseline_readings:
            self._baseline.append(load_n)
            return self.grip_force_n
        self._newest.append(load_n)
        self.slipped = self._load_drops()
        self.done = self.slipped or self._force_n < self.config.min_force_n
        self._force_n *= self.config.force_decay
        return self.grip_force_n if self.done else self._force_n

    def _load_drops(self) -> bool:
        c, weight_n = self.config, float(np.mean(self._baseline))
        if len(self._newest) < c.num_smoothed_readings or weight_n <= c.noise_n:
            return False
        spread = np.sqrt(1 / c.num_smoothed_readings + 1 / c.num_baseline_readings)
        noise = c.noise_sigmas * c.noise_n * spread / weight_n
        return float(np.mean(self._newest)) < (1.0 - max(c.min_load_drop, noise)) * weight_n
