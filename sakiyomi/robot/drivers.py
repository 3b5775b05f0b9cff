"""The two drivers that move the robot, and the reports of their controllers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from sakiyomi.scene import GripperCommand, JointTrajectory


class GoalState(Enum):
    """The state of the goal that was sent last."""

    NONE = 'none'  # nothing has been sent
    SENT = 'sent'  # no answer yet; a topic never gives one
    RUNNING = 'running'  # accepted
    SUCCEEDED = 'succeeded'
    REFUSED = 'refused'  # never began
    ABORTED = 'aborted'  # began, and the controller gave it up
    CANCELLED = 'cancelled'


FAILED = (GoalState.REFUSED, GoalState.ABORTED)


@dataclass(frozen=True)
class GoalReport:
    """The state of the newest goal; the controller's own words where it failed."""

    state: GoalState = GoalState.NONE
    reason: str = ''


class ArmDriver(Protocol):
    """Driver of the arm.

    Attributes:
        answers: whether the controller reports on its goals, as an action does and a topic cannot.
        preempts: whether a goal may be sent while another runs; False once one was refused for it.
    """

    answers: bool
    preempts: bool

    def send(self, trajectory: JointTrajectory, start_s: float) -> None:
        """Follow a trajectory in place of what runs.

        Args:
            trajectory: ends at rest.
            start_s: when its time 0 is, in the robot's clock [s]; may lie a little in the past.
        """

    def cancel(self) -> bool:
        """Ask the controller to stop; False where it has no such request."""

    def report(self) -> GoalReport:
        """The report on the newest goal."""


class GripperDriver(Protocol):
    """Driver of the fingers."""

    answers: bool

    def send(self, command: GripperCommand) -> None:
        """Head for an opening in place of what runs."""

    def report(self) -> GoalReport:
        """The report on the newest command."""
