"""Noise that depends on seed, sensor and stamp alone: whoever asks again gets the same reading."""

from __future__ import annotations

import numpy as np

SENSORS = ('camera', 'lidar', 'left', 'right', 'wrench', 'joints')
_WORD = 2**64 - 1


def sensor_rng(seed: int, sensor: str, stamp_ns: int) -> np.random.Generator:
    """A counter-based generator (Salmon et al., Parallel random numbers: as easy as 1, 2, 3)."""
    key = np.array([seed & _WORD, SENSORS.index(sensor)], np.uint64)
    counter = np.array([0, 0, 0, stamp_ns & _WORD], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
