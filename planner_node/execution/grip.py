"""Whether the fingers did what they were told, and hold something."""

from __future__ import annotations

import numpy as np

from planner_node.config import ExecutionConfig
from sakiyomi.scene import RobotState


class Grip:
    """Watches the width between the pads and the force on them."""

    def __init__(self, config: ExecutionConfig) -> None:
        self._config = config
        self._samples: list[tuple[float, float]] = []
        self._told_s: float | None = None
        self._from_m = self._told_m = 0.0
        self.moved = False

    def add(self, state: RobotState) -> None:
        """Take in a state."""
        now_s, width_m = state.stamp_s, state.finger_width_m
        window_s = self._config.finger_rate_window_s
        kept = [s for s in self._samples if now_s - s[0] <= window_s][-200:]
        self._samples = [*kept, (now_s, width_m)]
        self.moved |= self._told_s is not None and abs(width_m - self._from_m) > self._least_m

    def told(self, width_m: float, state: RobotState) -> None:
        """A command to go to a width has just been sent."""
        self._told_s, self._told_m = state.stamp_s, width_m
        self._from_m, self.moved = state.finger_width_m, False

    def settled(self, state: RobotState) -> bool:
        """Whether the fingers have arrived or come to a stop, on an object or on each other."""
        elapsed_s = state.stamp_s - self._told_s
        if abs(state.finger_width_m - self._told_m) < self._least_m and self._still():
            return True
        return elapsed_s > self._config.finger_latency_s and self._still()

    def ignored(self, state: RobotState) -> bool:
        """Whether the fingers neither moved nor met anything, though they were told to move."""
        wanted = abs(self._told_m - self._from_m) > 2.0 * self._least_m
        return bool(wanted and not self.moved and not self.felt(state))

    def holds(self, state: RobotState) -> bool:
        """Whether the fingers, told to close, were stopped before they met, or both pads feel it.

        Either is enough: a thin sheet leaves no width, and an odd shape may press on the finger
        beside the taxels.
        """
        apart = state.finger_width_m > self._config.min_held_width_m
        return bool((self.moved and apart) or self.felt(state))

    def felt(self, state: RobotState) -> bool:
        """Whether both pads feel something."""
        return bool(np.all(state.finger_force_n > self._config.touch_n))

    @property
    def _least_m(self) -> float:
        return self._config.finger_moved_m

    def _still(self) -> bool:
        (t0, v0), (t1, v1) = self._samples[0], self._samples[-1]
        return t1 <= t0 or abs(v1 - v0) / (t1 - t0) < self._config.still_mps
