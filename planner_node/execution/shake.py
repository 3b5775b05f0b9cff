"""A short turn of the wrist back and forth, which shakes off what hangs on a finger."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import JointTrajectory

NUM_SWINGS, SWING_PERIOD_S, NUM_SAMPLES = 3, 0.4, 61


def shake(q: np.ndarray, amplitude_rad: float) -> JointTrajectory:
    """Swing the last two joints about `q` (n,) and come back to it, at rest at both ends."""
    duration_s = NUM_SWINGS * SWING_PERIOD_S
    t = np.linspace(0.0, duration_s, NUM_SAMPLES)
    turn, wave = np.pi / duration_s, 2.0 * np.pi / SWING_PERIOD_S
    envelope, sine = np.sin(turn * t) ** 2, np.sin(wave * t)
    swing = amplitude_rad * envelope * sine
    speed = amplitude_rad * (
        turn * np.sin(2.0 * turn * t) * sine + wave * envelope * np.cos(wave * t)
    )
    which = np.zeros(len(q))
    which[-2:] = 1.0
    return JointTrajectory(t, q + swing[:, None] * which, speed[:, None] * which)
