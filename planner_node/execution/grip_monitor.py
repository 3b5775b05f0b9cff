"""Whether the fingers obeyed their command, and hold an object."""

from __future__ import annotations

import numpy as np

from planner_node.config import ExecutionConfig
from sakiyomi.scene import RobotState


class GripMonitor:
    """Watches the width between the pads and the force on them."""

    def __init__(self, config: ExecutionConfig) -> None:
        self._config = config
        self._samples: list[tuple[float, float]] = []
        self._command_stamp_s: float | None = None
        self._start_width_m = self._command_width_m = 0.0
        self.moved = False

    def add(self, state: RobotState) -> None:
        """Add a state."""
        now_s, width_m = state.stamp_s, state.finger_width_m
        window_s = self._config.finger_rate_window_s
        kept = [s for s in self._samples if now_s - s[0] <= window_s][-200:]
        self._samples = [*kept, (now_s, width_m)]
        self.moved |= (
            self._command_stamp_s is not None
            and abs(width_m - self._start_width_m) > self._min_motion_m
        )

    def note_command(self, width_m: float, state: RobotState) -> None:
        """A command to go to a width has just been sent."""
        self._command_stamp_s, self._command_width_m = state.stamp_s, width_m
        self._start_width_m, self.moved = state.finger_width_m, False

    def has_settled(self, state: RobotState) -> bool:
        """Whether the fingers have arrived or come to a stop, on an object or on each other."""
        elapsed_s = state.stamp_s - self._command_stamp_s
        if (
            abs(state.finger_width_m - self._command_width_m) < self._min_motion_m
            and self._is_stationary()
        ):
            return True
        return elapsed_s > self._config.max_finger_latency_s and self._is_stationary()

    def command_ignored(self, state: RobotState) -> bool:
        """Whether the fingers neither moved nor met an object after a command to move."""
        wanted = abs(self._command_width_m - self._start_width_m) > 2.0 * self._min_motion_m
        return bool(wanted and not self.moved and not self.both_pads_in_contact(state))

    def is_holding(self, state: RobotState) -> bool:
        """Whether an object stopped the closing fingers before they met, or presses on both pads.

        Either is enough: a thin sheet leaves no width, and an odd shape may press on the finger
        beside the taxels.
        """
        apart = state.finger_width_m > self._config.min_held_width_m
        return bool((self.moved and apart) or self.both_pads_in_contact(state))

    def both_pads_in_contact(self, state: RobotState) -> bool:
        """Whether a force presses on both pads."""
        return bool(np.all(state.finger_force_n > self._config.contact_force_n))

    @property
    def _min_motion_m(self) -> float:
        return self._config.min_finger_motion_m

    def _is_stationary(self) -> bool:
        (t0, v0), (t1, v1) = self._samples[0], self._samples[-1]
        return t1 <= t0 or abs(v1 - v0) / (t1 - t0) < self._config.stationary_speed_mps
