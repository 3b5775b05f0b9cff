"""Loosen a grip until what is held begins to slide, then hold on again.

People do so to learn how slippery a thing is: the grip at which it slides tells its friction, and
a firm one never does (Johansson and Westling, Experimental brain research, 1984).
"""

from __future__ import annotations

from collections import deque

import numpy as np

NUM_BASELINE_READINGS = 20  # readings that tell the load before
NUM_SMOOTHED_READINGS = 6
FORCE_DECAY = 0.97  # of the force, from reading to reading: faster, and light things fall unread
MIN_FORCE_N = 0.15  # what does not slide at this hangs on something other than friction
MIN_LOAD_DROP = 0.1  # of the load that must be missing
NOISE_N, NOISE_SIGMAS = 0.05, 4.0  # of the wrist's readings


class FrictionProbe:
    """One attempt, reading by reading.

    Args:
        force_n: of the grip, which is also what it returns to.
    """

    def __init__(self, force_n: float) -> None:
        self.grip_force_n = self._force_n = force_n
        self._baseline: list[float] = []
        self._newest: deque[float] = deque(maxlen=NUM_SMOOTHED_READINGS)
        self.done = self.slipped = False

    def force_n(self, load_n: float) -> float:
        """The grip's force from now on, after the wrist has read the load that it bears."""
        if self.done:
            return self.grip_force_n
        if len(self._baseline) < NUM_BASELINE_READINGS:
            self._baseline.append(load_n)
            return self.grip_force_n
        self._newest.append(load_n)
        self.slipped = self._load_drops()
        self.done = self.slipped or self._force_n < MIN_FORCE_N
        self._force_n *= FORCE_DECAY
        return self.grip_force_n if self.done else self._force_n

    def _load_drops(self) -> bool:
        weight_n = float(np.mean(self._baseline))
        if len(self._newest) < NUM_SMOOTHED_READINGS or weight_n <= NOISE_N:
            return False
        noise = (
            NOISE_SIGMAS
            * NOISE_N
            * np.sqrt(1 / NUM_SMOOTHED_READINGS + 1 / NUM_BASELINE_READINGS)
            / weight_n
        )
        return float(np.mean(self._newest)) < (1.0 - max(MIN_LOAD_DROP, noise)) * weight_n
