"""Drivers that take the topic until an action server answers, and the action from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sakiyomi.robot.drivers import ArmDriver, GoalReport, GripperDriver
from sakiyomi.scene import GripperCommand, JointTrajectory


class AutoGripperDriver:
    """Decides when a command is sent, so that the report on it comes from the same driver."""

    def __init__(
        self,
        topic: GripperDriver | ArmDriver,
        action_driver: Callable[[], Any | None],
        tell: Callable[[str], object],
    ):
        """Begin with the topic.

        Args:
            topic: the driver by topic.
            action_driver: the driver by action, once a server answers; None before.
            tell: takes a line about the choice; it is called when the choice changes.
        """
        self._driver: Any = topic
        self._topic, self._action_driver, self._tell = topic, action_driver, tell
        self._logged_note = ''

    @property
    def answers(self) -> bool:
        """Whether the driver that sent the newest command reports on it."""
        return self._driver.answers

    @property
    def note(self) -> str:
        """Which driver is in use, and why."""
        return self._driver.note

    def send(self, command: GripperCommand) -> None:
        """Head for an opening in place of what runs."""
        self._choose()
        self._driver.send(command)

    def report(self) -> GoalReport:
        """What became of the newest command so far."""
        return self._driver.report()

    def _choose(self) -> None:
        if self._driver is self._topic:
            self._driver = self._action_driver() or self._topic
        if self.note != self._logged_note:
            self._logged_note = self.note
            self._tell(self.note)


class AutoArmDriver(AutoGripperDriver):
    """The same choice for the arm."""

    @property
    def preempts(self) -> bool:
        """Whether a goal may be sent while another runs."""
        return self._driver.preempts

    def send(self, trajectory: JointTrajectory, start_s: float) -> None:
        """Follow a trajectory in place of what runs."""
        self._choose()
        self._driver.send(trajectory, start_s)

    def cancel(self) -> bool:
        """Ask the controller to stop; False where it has no such request."""
        return self._driver.cancel()
