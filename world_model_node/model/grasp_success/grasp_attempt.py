"""The grasp attempt that a hand motion contains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.scene import HandMotion


@dataclass(frozen=True)
class GraspAttempt:
    """Pose and opening of the hand before closing, and the force limit."""

    T_world_grasp: np.ndarray  # (4, 4)
    opening_m: float
    force_n: float


def find_grasp_attempt(motion: HandMotion) -> GraspAttempt | None:
    """The first closing of a motion; None for a motion without closing."""
    closing_steps = np.flatnonzero(np.diff(motion.finger_width_m) < 0.0)
    if not len(closing_steps):
        return None
    first = closing_steps[0]
    width_m = float(motion.finger_width_m[first])
    return GraspAttempt(motion.T_world_grasp[first], width_m, float(motion.force_n))


def closed_fraction(motion: HandMotion, times_s: np.ndarray) -> np.ndarray:
    """Progress (T,) of the first closing at times (T,) [s] from now, in [0, 1].

    The progress stays when the fingers open again.
    """
    width_m = np.interp(times_s, motion.times_s, motion.finger_width_m)
    first = np.flatnonzero(np.diff(motion.finger_width_m) < 0.0)[0]
    open_m, closed_m = motion.finger_width_m[first], motion.finger_width_m[first:].min()
    fraction = (open_m - width_m) / (open_m - closed_m)
    fraction[times_s < motion.times_s[first]] = 0.0
    return np.maximum.accumulate(np.clip(fraction, 0.0, 1.0))
