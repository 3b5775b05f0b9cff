"""The shape of the fingers, as points (no torch)."""

from __future__ import annotations

import numpy as np

THICKNESS_M, HALF_WIDTH_M = 0.013, 0.0105  # of a finger, towards the outside and sideways
LEVELS_M = (0.007, -0.016)  # of its points along the approach


def finger_points() -> tuple[np.ndarray, np.ndarray]:
    """Points (Q, 3) of both closed fingers in the grasp frame, and the side (Q,) of each."""
    rows, sides = [], []
    for side in (1.0, -1.0):
        for x in (-HALF_WIDTH_M, 0.0, HALF_WIDTH_M):
            for y in (0.0, THICKNESS_M):
                for z in LEVELS_M:
                    rows.append([x, side * y, z])
                    sides.append(side)
    return np.array(rows), np.array(sides)
