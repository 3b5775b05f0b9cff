"""The FollowJointTrajectory action of ros2_control, where control_msgs is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node
from rclpy.task import Future
from trajectory_msgs.msg import JointTrajectory

from sakiyomi.errors import BadInputError

try:
    from control_msgs.action import FollowJointTrajectory
except ImportError:  # not on PyPI; the topics do the same without feedback
    FollowJointTrajectory = None


class TrajectoryAction:
    """Hands a goal's trajectory on and succeeds when its time has passed; one goal at a time."""

    def __init__(
        self,
        accept: Callable[[JointTrajectory], None],
        done: Callable[[], bool],
        stop: Callable[[], None],
        action_type: Any = FollowJointTrajectory,
    ):
        self._accept, self._done, self._stop = accept, done, stop
        self._action_type = action_type
        self._goal: Any = None
        self._ended: Future | None = None

    def serve(self, node: Node, name: str) -> ActionServer:
        """The action server of that name."""
        return ActionServer(
            node,
            self._action_type,
            name,
            self.execute,
            goal_callback=lambda _: GoalResponse.REJECT if self._goal else GoalResponse.ACCEPT,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    async def execute(self, goal: Any) -> Any:
        """Follow one goal to its end."""
        result = self._action_type.Result()
        try:
            self._accept(goal.request.trajectory)
        except BadInputError as error:
            goal.abort()
            result.error_code = self._action_type.Result.INVALID_GOAL
            result.error_string = str(error)
            return result
        self._goal, self._ended = goal, Future()
        try:
            await self._ended
        finally:
            self._goal = None
        return result

    def poll(self) -> None:
        """Call once per simulated step: end the goal that is done or cancelled."""
        if self._goal is None or self._ended.done():
            return
        if self._goal.is_cancel_requested:
            self._stop()
            self._goal.canceled()
        elif self._done():
            self._goal.succeed()
        else:
            return
        self._ended.set_result(None)
