"""How the hand moves from look to look: whether it stands still, and how far it has lifted."""

from __future__ import annotations

from collections import deque

import numpy as np

from sakiyomi.geometry import rotation_angle
from world_model_node.inputs.hand_state import HandState

MIN_LIFT_M = 0.02  # what the hand has raised so far hangs free of the table
STILL_M, STILL_RAD = 0.004, 0.01  # that a still hand moves from look to look


class HandHistory:
    """The newest looks at the hand, and the height at which it took hold."""

    def __init__(self) -> None:
        self.is_still = False  # since the look before
        self.is_lifted = False  # what it holds
        self._heights: deque[tuple[float, float]] = deque(maxlen=3)
        self._grasp_z_m: float | None = None
        self._T_before: np.ndarray | None = None

    def update(self, hand: HandState | None, holds: bool, stamp_s: float) -> None:
        """Take in the hand at this instant, which holds something or not."""
        before, self._T_before = self._T_before, None if hand is None else hand.T_world_grasp
        self.is_still = (
            hand is not None and before is not None and _is_same(before, self._T_before)
        )
        if hand is not None:
            height_m = float(hand.T_world_grasp[2, 3])
            self._heights.append((stamp_s, height_m))
            self._grasp_z_m = height_m if self._grasp_z_m is None else self._grasp_z_m
            self.is_lifted = height_m > self._grasp_z_m + MIN_LIFT_M
        if not holds:
            self._grasp_z_m, self.is_lifted = None, False

    @property
    def vertical_mps2(self) -> float:
        """How fast its rise quickens, from the last three heights."""
        if len(self._heights) < 3:
            return 0.0
        (t0, z0), (t1, z1), (t2, z2) = self._heights
        if t1 <= t0 or t2 <= t1:
            return 0.0
        return 2.0 * ((z2 - z1) / (t2 - t1) - (z1 - z0) / (t1 - t0)) / (t2 - t0)


def _is_same(T: np.ndarray, other: np.ndarray) -> bool:
    turned_rad = rotation_angle(T[:3, :3].T @ other[:3, :3])
    return bool(np.linalg.norm(T[:3, 3] - other[:3, 3]) < STILL_M and turned_rad < STILL_RAD)
