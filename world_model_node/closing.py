"""Whether a hand that comes down and closes finds surface between its pads, and room beside it.

Imagined bodies are convex (docs/world_model.md): no finger fits into a notch of theirs, and where
they are hollow there still seems to be something to hold. The tracked surface knows better.
"""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.scene import HandMotion

PAD_M = ((-0.009, 0.009), (-0.012, 0.006))  # sideways and along the approach, grasp frame
FINGER_M, TIP_M = (-0.010, 0.010), 0.004
THICK_M = 0.012
FEW = 3.0  # points that leave it open


def finds_hold(motion: HandMotion, surface_m: np.ndarray) -> float:
    """How far the surface speaks for a hold, in [0, 1]; 1 for a hand that does not close.

    Judged by the last pose before the fingers close, with the surface where it is now.

    Args:
        motion: of the hand.
        surface_m: (N, 3) world points of the object.
    """
    closes = np.flatnonzero(np.diff(motion.finger_width_m) < 0.0)
    if not len(closes):
        return 1.0
    half_m = 0.5 * float(motion.finger_width_m[closes[0]])
    T_grasp_world = inverse(motion.T_world_grasp[closes[0]])
    x, y, z = transform_points(T_grasp_world, np.asarray(surface_m, float)).T
    between = _in(x, PAD_M[0]) & _in(z, PAD_M[1]) & (np.abs(y) < half_m)
    under = _in(x, FINGER_M) & (z < TIP_M) & _in(np.abs(y), (half_m, half_m + THICK_M))
    there, blocked = float(between.sum()), float(under.sum())
    return there / (there + FEW) * FEW / (blocked + FEW)


def _in(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    return (values > span[0]) & (values < span[1])
