"""Conditions for motion: fresh sensor data, a clock without jumps, a free path.

The supervisor is free of middleware and clocks and sends no command: the execution asks for a
speed override and its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner_node.config import SupervisorConfig


@dataclass(frozen=True)
class SpeedOverride:
    """How fast the arm may go on, in [0, 1], and why not at full pace.

    Attributes:
        outcome: what the pick ends with where the arm stays stopped for too long.
    """

    speed_scale: float = 1.0
    reason: str = ''
    outcome: str = ''


FULL_SPEED = SpeedOverride()


class Supervisor:
    """Keeps the age of every source, and the time to collision in the newest scene."""

    def __init__(self, config: SupervisorConfig) -> None:
        self._config = config
        self._joints_s = self._scene_s = -np.inf
        self._offset_s: float | None = None
        self._time_to_collision_s: float | None = None
        self._num_detections = 0

    def observe_joint_states(self, now_s: float, stamp_s: float) -> str:
        """Note the arrival of joint states; the fault of their stamp, or ''."""
        offset_s, self._joints_s = stamp_s - now_s, now_s
        before_s, self._offset_s = self._offset_s, offset_s
        if before_s is None or abs(offset_s - before_s) <= self._config.stamp_jump_s:
            return ''
        return f'the stamps of the joint states jumped by {offset_s - before_s:+.2f} s'

    def observe_scene(self, now_s: float, time_to_collision_s: float | None) -> None:
        """Note the arrival of a scene and the time to collision on the path in that scene."""
        self._scene_s = now_s
        self._num_detections = 0 if time_to_collision_s is None else self._num_detections + 1
        self._time_to_collision_s = time_to_collision_s

    def joints_age_s(self, now_s: float) -> float:
        """Since joint states came last [s]."""
        return now_s - self._joints_s

    def joint_states_stale(self, now_s: float) -> bool:
        """Whether the newest joint states are too old for a command."""
        heard = self._joints_s > -np.inf
        return heard and self.joints_age_s(now_s) > self._config.joints_limit_s

    def speed_override(self, now_s: float) -> SpeedOverride:
        """The speed at which the arm may go on."""
        c = self._config
        age_s = now_s - self._scene_s
        if age_s > c.scene_limit_s:
            reason = f'the world model has been silent for {age_s:.1f} s'
            return SpeedOverride(0.0, reason, 'stale_input')
        if self._time_to_collision_s is None:
            return FULL_SPEED
        reason = f'something is in the way, {self._time_to_collision_s:.1f} s ahead'
        if self._num_detections >= c.confirmations and self._time_to_collision_s < c.stop_within_s:
            return SpeedOverride(0.0, reason, 'obstructed')
        return SpeedOverride(c.slow_speed_scale, reason, 'obstructed')
