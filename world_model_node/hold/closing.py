"""A hand about to close, as a motion plans it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.scene import HandMotion


@dataclass(frozen=True)
class Closing:
    """Where the open hand is before its fingers move, and how hard they may press."""

    T_world_grasp: np.ndarray  # (4, 4)
    opening_m: float
    force_n: float


def find_closing(motion: HandMotion) -> Closing | None:
    """The first closing of a motion; None for one whose fingers never come closer."""
    closes = np.flatnonzero(np.diff(motion.finger_width_m) < 0.0)
    if not len(closes):
        return None
    first = closes[0]
    width_m = float(motion.finger_width_m[first])
    return Closing(motion.T_world_grasp[first], width_m, float(motion.force_n))


def share_closed(motion: HandMotion, times_s: np.ndarray) -> np.ndarray:
    """How far (T,) the first closing has come at times (T,) [s] from now, in [0, 1].

    It does not go back when the fingers open again.
    """
    width_m = np.interp(times_s, motion.times_s, motion.finger_width_m)
    first = np.flatnonzero(np.diff(motion.finger_width_m) < 0.0)[0]
    open_m, least_m = motion.finger_width_m[first], motion.finger_width_m[first:].min()
    share = (open_m - width_m) / (open_m - least_m)
    share[times_s < motion.times_s[first]] = 0.0
    return np.maximum.accumulate(np.clip(share, 0.0, 1.0))
