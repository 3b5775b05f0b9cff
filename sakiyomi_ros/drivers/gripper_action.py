"""The gripper driven by one of two actions of control_msgs, as ros2_control serves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionClient
from sensor_msgs.msg import JointState

from sakiyomi.robot.drivers import GoalReport, GoalState
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi.scene import GripperCommand
from sakiyomi_ros.drivers.goal_tracker import GoalTracker, goal_state_of

GRIPPER_ACTION = 'gripper_controller/gripper_cmd'

ToGoal = Callable[[GripperCommand, GripperKinematics], Any]


class GripperActionDriver:
    """Sends goals; fingers that arrived and fingers that an object stopped both succeeded."""

    answers = True

    def __init__(
        self,
        client: ActionClient,
        to_goal: ToGoal,
        name: str,
        fingers: GripperKinematics,
        note: str = '',
    ):
        """Drive through an action client; `to_goal` writes a goal of its type."""
        self._to_goal, self._fingers = to_goal, fingers
        self._goals = GoalTracker(client, name, read_result)
        self.note = note

    @property
    def server_is_ready(self) -> bool:
        """Whether the controller's action server has been discovered."""
        return self._goals.server_is_ready

    def send(self, command: GripperCommand) -> None:
        """Send the opening to head for."""
        self._goals.send(self._to_goal(command, self._fingers))

    def report(self) -> GoalReport:
        """What became of the newest command so far."""
        return self._goals.report()


def gripper_command(action_type: Any) -> ToGoal:
    """Goals of control_msgs/GripperCommand: one joint position and a limit of the effort."""

    def to_goal(command: GripperCommand, fingers: GripperKinematics) -> Any:
        goal = action_type.Goal()
        goal.command.position = fingers.position(command.width_m)
        goal.command.max_effort = float(command.force_n)
        return goal

    return to_goal


def parallel_gripper_command(action_type: Any, joint_name: str) -> ToGoal:
    """Goals of control_msgs/ParallelGripperCommand, whose controller takes one joint."""

    def to_goal(command: GripperCommand, fingers: GripperKinematics) -> Any:
        goal = action_type.Goal()
        position, effort = [fingers.position(command.width_m)], [float(command.force_n)]
        goal.command = JointState(name=[joint_name], position=position, effort=effort)
        return goal

    return to_goal


def read_result(status: int, result: Any) -> GoalReport:
    """The report on a goal that has ended.

    A gripper controller that does not allow stalling aborts where an object stops the fingers.
    """
    if result.stalled or result.reached_goal:
        return GoalReport(GoalState.SUCCEEDED, 'stalled' if result.stalled else '')
    state = goal_state_of(status)
    if state is GoalState.ABORTED:
        return GoalReport(state, 'given up before the fingers arrived or an object stopped them')
    return GoalReport(state)
