"""The arm driven by control_msgs/FollowJointTrajectory, as ros2_control serves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.action import ActionClient

from sakiyomi.robot.drivers import GoalReport, GoalState
from sakiyomi.scene import JointTrajectory
from sakiyomi_ros.drivers.action_types import FollowJointTrajectory
from sakiyomi_ros.drivers.goal_tracker import GoalTracker, goal_state_of
from sakiyomi_ros.messages.trajectories import to_arm_message

ARM_ACTION = 'arm_controller/follow_joint_trajectory'
REFUSAL_CODES = ('INVALID_GOAL', 'INVALID_JOINTS', 'OLD_HEADER_TIMESTAMP')
ABORT_CODES = ('PATH_TOLERANCE_VIOLATED', 'GOAL_TOLERANCE_VIOLATED')


class FollowJointTrajectoryDriver:
    """Sends goals that replace the one that runs, and reports in the controller's own words."""

    answers = True

    def __init__(
        self,
        client: ActionClient,
        joint_names: Sequence[str],
        name: str = ARM_ACTION,
        action_type: Any = FollowJointTrajectory,
        note: str = '',
    ):
        """Drive through an action client of that type and name."""
        self._type, self._names = action_type, tuple(joint_names)
        self._goals = GoalTracker(client, name, self._read)
        self.note = note

    @property
    def preempts(self) -> bool:
        """Whether a goal may be sent while another runs; False once one was refused for it."""
        return not self._goals.refused_while_running

    def ready(self) -> FollowJointTrajectoryDriver | None:
        """Itself, once the controller's action server has been discovered."""
        return self if self._goals.server_is_ready else None

    def send(self, trajectory: JointTrajectory, start_s: float) -> None:
        """Send a goal whose time 0 is at `start_s`."""
        goal = self._type.Goal()
        goal.trajectory = to_arm_message(trajectory, self._names, start_s)
        self._goals.send(goal)

    def cancel(self) -> bool:
        """Ask the controller to stop; False where no action server answers."""
        return self._goals.cancel()

    def report(self) -> GoalReport:
        """What became of the newest goal so far."""
        return self._goals.report()

    def _read(self, status: int, result: Any) -> GoalReport:
        state = goal_state_of(status)
        failure = self._failure(result.error_code)
        if state is GoalState.CANCELLED or not (failure or state is GoalState.ABORTED):
            return GoalReport(state, result.error_string)
        words = ': '.join(word for word in (failure, result.error_string) if word)
        state = GoalState.REFUSED if failure in REFUSAL_CODES else GoalState.ABORTED
        return GoalReport(state, words or 'the controller gave no reason')

    def _failure(self, code: int) -> str:
        names = (*REFUSAL_CODES, *ABORT_CODES)
        known = {getattr(self._type.Result, name): name for name in names}
        return known.get(code, f'error code {code}' if code else '')
