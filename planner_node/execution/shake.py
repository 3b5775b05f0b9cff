"""A short turn of the wrist back and forth, which shakes off what hangs on a finger."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import JointTrajectory

SAMPLES_PER_SWING = 20


def shake(
    q: np.ndarray, amplitude_rad: float, num_swings: int, period_s: float
) -> JointTrajectory:
    """Swing the last two joints about `q` (n,) and come back to it, at rest at both ends."""
    duration_s = num_swings * period_s
    t = np.linspace(0.0, duration_s, SAMPLES_PER_SWING * num_swings + 1)
    turn, wave = np.pi / duration_s, 2.0 * np.pi / period_s
    envelope, sine = np.sin(turn * t) ** 2, np.sin(wave * t)
    swing = amplitude_rad * envelope * sine
    speed = amplitude_rad * (
        turn * np.sin(2.0 * turn * t) * sine + wave * envelope * np.cos(wave * t)
    )
    which = np.zeros(len(q))
    which[-2:] = 1.0
    return JointTrajectory(t, q + swing[:, None] * which, speed[:, None] * which)
