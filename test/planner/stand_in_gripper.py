"""A gripper of closed form, which refuses commands as the drivers of real grippers do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.robot.drivers import GoalReport, GoalState
from sakiyomi.scene import GripperCommand

REACHED_M = 1e-4


@dataclass
class GripperFaults:
    """What goes wrong with the gripper; a test may set them at any time."""

    deaf: bool = False  # nobody listens to the commands
    position_only: bool = False  # a position interface: commands with effort are refused
    stuck: bool = False  # commands are accepted, and the fingers do not move


class StandInGripper:
    """Fingers that move at an even speed until they arrive or an object stops them.

    Attributes:
        width_m: the opening between the pads.
        object_width_m: of what stands between the pads, 0 where there is nothing.
        report: what became of the newest command.
        stalled: whether the fingers press on the object.
        sent: every command that was sent.
    """

    def __init__(self, width_m: float = 0.08, max_width_m: float = 0.08, speed_mps: float = 0.1):
        self.faults = GripperFaults()
        self.width_m, self.max_width_m, self.speed_mps = width_m, max_width_m, speed_mps
        self.object_width_m = 0.0
        self.report = GoalReport()
        self.stalled = False
        self.sent: list[GripperCommand] = []
        self._target_m, self._force_n = width_m, 0.0

    @property
    def force_n(self) -> np.ndarray:
        """The normal force on both pads [N]. Shape (2,)."""
        return np.full(2, self._force_n if self.stalled else 0.0)

    def command(self, command: GripperCommand, with_effort: bool = True) -> None:
        """Head for an opening, with or without a limit of the force."""
        self.sent.append(command)
        if self.faults.deaf:
            return
        if with_effort and self.faults.position_only:
            reason = 'INVALID_GOAL: Trajectories with effort fields are not supported'
            self.report = GoalReport(GoalState.REFUSED, reason)
            return
        self._target_m = min(max(command.width_m, 0.0), self.max_width_m)
        self._force_n = command.force_n
        self.report = GoalReport(GoalState.RUNNING)

    def step(self, dt: float) -> None:
        """Advance the fingers."""
        if not self.faults.stuck:
            reach = self.speed_mps * dt
            moved = self.width_m + min(max(self._target_m - self.width_m, -reach), reach)
            stopped_at_m = self.object_width_m if moved < self.width_m else 0.0
            self.width_m = max(moved, min(stopped_at_m, self.width_m))
        self.stalled = self._target_m < self.width_m <= self.object_width_m
        arrived = abs(self.width_m - self._target_m) <= REACHED_M
        if self.report.state is GoalState.RUNNING and (arrived or self.stalled):
            self.report = GoalReport(GoalState.SUCCEEDED)
