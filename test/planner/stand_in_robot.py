"""Arm and gripper of closed form as the planner meets them: joint states and two drivers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from stand_in_controller import STEP_S, Limits, StandInArm
from stand_in_gripper import StandInGripper

from sakiyomi.robot.drivers import GoalReport, GoalState
from sakiyomi.scene import GripperCommand, JointTrajectory, RobotState

STATE_PERIOD_S = 0.01
Q_HOME = np.array([0.0, -0.7854, 0.0, -2.3562, 0.0, 1.5708, 0.7854])


@dataclass
class StateFaults:
    """What goes wrong with the joint states; a test may set them at any time."""

    silent: bool = False  # nothing more is published
    stamp_jump_s: float = 0.0  # added to the stamps


@dataclass
class StandInRobot:
    """Steps arm and gripper together and publishes their state at 100 Hz."""

    arm: StandInArm = field(default_factory=lambda: StandInArm(Q_HOME))
    gripper: StandInGripper = field(default_factory=StandInGripper)
    faults: StateFaults = field(default_factory=StateFaults)
    wrench: np.ndarray = field(default_factory=lambda: np.zeros(6))

    def __post_init__(self) -> None:
        self._due_s = self.arm.now_s
        self._publish()

    @property
    def now_s(self) -> float:
        """The robot's clock [s]."""
        return self.arm.now_s

    def step(self, dt: float) -> None:
        """Advance everything."""
        for _ in range(max(round(dt / STEP_S), 1)):
            self.arm.step(STEP_S)
            self.gripper.step(STEP_S)
            if self.now_s >= self._due_s - STEP_S / 2 and not self.faults.silent:
                self._publish()

    def state(self) -> RobotState:
        """The newest state that was published; the same object until the next one."""
        return self._state

    def _publish(self) -> None:
        self._due_s = self.now_s + STATE_PERIOD_S
        self._state = RobotState(
            self.now_s + self.faults.stamp_jump_s,
            self.arm.q.copy(),
            self.arm.dq.copy(),
            self.gripper.width_m,
            self.gripper.force_n,
            self.wrench.copy(),
        )


class StandInArmDriver:
    """The arm's driver: as an action, which answers, or as a topic, which does not."""

    def __init__(self, arm: StandInArm, answers: bool = True):
        self._arm, self.answers = arm, answers
        self.preempts = True
        self._sent = False

    def send(self, trajectory: JointTrajectory, start_s: float) -> None:
        """Hand the trajectory to the controller."""
        self._sent = True
        refused_for_it = self._arm.running and not self._arm.limits.while_running
        self._arm.command(trajectory, start_s)
        if self.answers and refused_for_it and not self._arm.faults.deaf:
            self.preempts = False

    def cancel(self) -> bool:
        """Have the controller stop; False on a topic."""
        return self.answers and not self._arm.faults.deaf and self._arm.cancel()

    def report(self) -> GoalReport:
        """What the controller says of the newest goal."""
        return _report(self._arm.report, self._sent, self.answers, self._arm.faults.deaf)


class StandInGripperDriver:
    """The gripper's driver: as an action or as a topic, with or without effort."""

    def __init__(self, gripper: StandInGripper, answers: bool = True, with_effort: bool = True):
        self._gripper, self.answers, self._with_effort = gripper, answers, with_effort
        self._sent = False

    def send(self, command: GripperCommand) -> None:
        """Hand the command to the controller."""
        self._sent = True
        self._gripper.command(command, self._with_effort)

    def report(self) -> GoalReport:
        """What the controller says of the newest command."""
        return _report(self._gripper.report, self._sent, self.answers, self._gripper.faults.deaf)


def _report(report: GoalReport, sent: bool, answers: bool, deaf: bool) -> GoalReport:
    if not sent:
        return GoalReport()
    if answers and deaf:
        return GoalReport(GoalState.REFUSED, 'no action server answers')
    return report if answers else GoalReport(GoalState.SENT)


def arm_with(**limits) -> StandInArm:
    """An arm at home whose controller has these limits."""
    return StandInArm(Q_HOME, Limits(**limits))
