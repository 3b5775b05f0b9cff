"""The two ports of the planner onto a simulated cell, which refuses what a controller refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.robot.drivers import GoalReport, GoalState
from sakiyomi.scene import GripperCommand, JointTrajectory
from simulation_node.cell import SimulatedCell


class CellArmDriver:
    """Sends goals to the simulated arm; like a topic, it says nothing of those it takes."""

    answers = False
    preempts = True

    def __init__(self, cell: SimulatedCell) -> None:
        self._cell = cell
        self._report = GoalReport()

    def send(self, trajectory: JointTrajectory, start_s: float) -> None:
        """Follow a trajectory in place of what runs."""
        try:
            self._cell.command_arm(round_to_message_time(trajectory), start_s)
            self._report = GoalReport(GoalState.SENT)
        except BadInputError as error:
            self._report = GoalReport(GoalState.REFUSED, str(error))

    def cancel(self) -> bool:
        """A topic has no such request."""
        return False

    def report(self) -> GoalReport:
        """Whether the newest goal was refused."""
        return self._report


class CellGripperDriver:
    """Sends openings to the simulated hand."""

    answers = False

    def __init__(self, cell: SimulatedCell) -> None:
        self._cell = cell
        self._report = GoalReport()

    def send(self, command: GripperCommand) -> None:
        """Head for an opening."""
        try:
            self._cell.command_gripper(command)
            self._report = GoalReport(GoalState.SENT)
        except BadInputError as error:
            self._report = GoalReport(GoalState.REFUSED, str(error))

    def report(self) -> GoalReport:
        """Whether the newest command was refused."""
        return self._report


def round_to_message_time(trajectory: JointTrajectory) -> JointTrajectory:
    """Its times in whole nanoseconds, so that loop and nodes move the arm alike."""
    nanoseconds = np.round(trajectory.times_s * 1e9).astype(np.int64)
    times_s = nanoseconds // 10**9 + nanoseconds % 10**9 * 1e-9
    return replace(trajectory, times_s=times_s)
