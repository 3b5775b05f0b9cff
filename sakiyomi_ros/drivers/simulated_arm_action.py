"""The FollowJointTrajectory action as the simulated arm serves it, like ros2_control does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from sakiyomi.errors import BadInputError
from sakiyomi_ros.drivers.action_types import FollowJointTrajectory
from sakiyomi_ros.messages.conversions import from_duration
from sakiyomi_ros.messages.trajectories import is_stop

PREEMPTED = 'current goal preempted by a new one'


@dataclass(frozen=True)
class Tolerances:
    """How far a joint may be from the trajectory, by its name; what is not named may be anywhere.

    Attributes:
        path: while the trajectory runs [rad].
        goal: once it has ended [rad].
        goal_time_s: how long after its end the joints may still be on their way.
    """

    path: Mapping[str, float] = field(default_factory=dict)
    goal: Mapping[str, float] = field(default_factory=dict)
    goal_time_s: float = 0.0

    @staticmethod
    def of(request: Any) -> Tolerances:
        """The tolerances that a goal gives; 0 and -1 are none."""
        return Tolerances(
            _positive(request.path_tolerance),
            _positive(request.goal_tolerance),
            from_duration(request.goal_time_tolerance),
        )


class TrajectoryAction:
    """Hands a goal's trajectory on and ends the goal as the arm does; a new goal preempts it.

    A goal is only marked as executing when its result is known: a coroutine that awaits it keeps
    rclpy's executor spinning at full load.
    """

    def __init__(
        self,
        accept: Callable[[JointTrajectory], None],
        done: Callable[[], bool],
        stop: Callable[[], None],
        action_type: Any = FollowJointTrajectory,
        errors: Callable[[], Mapping[str, float]] = dict,
        now_s: Callable[[], float] = time.monotonic,
    ):
        """Serve an arm.

        Args:
            accept: has the arm follow a trajectory from its stamp on; BadInputError refuses it.
            done: whether the trajectory's time has passed.
            stop: holds the arm where it is.
            action_type: control_msgs/FollowJointTrajectory.
            errors: how far each joint is from the trajectory now [rad], by name.
            now_s: the arm's clock [s].
        """
        self._accept, self._done, self._stop = accept, done, stop
        self._action_type, self._errors, self._now_s = action_type, errors, now_s
        self._goal: Any = None
        self._tolerances = Tolerances()
        self._done_since_s: float | None = None

    def serve(self, node: Node, name: str) -> ActionServer:
        """The action server of that name."""
        return ActionServer(
            node,
            self._action_type,
            name,
            lambda _: self._action_type.Result(),
            handle_accepted_callback=self.begin,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def begin(self, goal: Any) -> None:
        """Follow a goal in place of the one that runs; one that is refused leaves that alone."""
        trajectory = goal.request.trajectory
        try:
            if is_stop(trajectory):
                raise BadInputError('trajectory: got no points, expected at least one')
            self._accept(trajectory)
        except BadInputError as error:
            self._answer(goal, 'abort', 'INVALID_GOAL', str(error))
            return
        self._end('abort', 'INVALID_GOAL', PREEMPTED)
        self._goal, self._done_since_s = goal, None
        self._tolerances = Tolerances.of(goal.request)

    def poll(self) -> None:
        """Call once per simulated step: end the goal that is done, cancelled or off its path."""
        if self._goal is None:
            return
        if self._goal.is_cancel_requested:
            self._stop()
            self._end('canceled')
        elif self._done():
            self._check_arrival()
        else:
            self._check_tolerance('PATH_TOLERANCE_VIOLATED', self._tolerances.path)

    def _check_arrival(self) -> None:
        now_s = self._now_s()
        if self._done_since_s is None:
            self._done_since_s = now_s
        if not violation(self._errors(), self._tolerances.goal):
            self._end('succeed')
        elif now_s - self._done_since_s >= self._tolerances.goal_time_s:
            self._check_tolerance('GOAL_TOLERANCE_VIOLATED', self._tolerances.goal)

    def _check_tolerance(self, code: str, limits: Mapping[str, float]) -> None:
        words = violation(self._errors(), limits)
        if words:
            self._stop()
            self._end('abort', code, words)

    def _end(self, outcome: str, code: str = 'SUCCESSFUL', words: str = '') -> None:
        goal, self._goal = self._goal, None
        if goal is not None:
            self._answer(goal, outcome, code, words)

    def _answer(self, goal: Any, outcome: str, code: str, words: str) -> None:
        result = self._action_type.Result()
        result.error_code = getattr(self._action_type.Result, code)
        result.error_string = words
        goal.execute(partial(_conclude, outcome, result))


def _conclude(outcome: str, result: Any, goal: Any) -> Any:
    getattr(goal, outcome)()
    return result


def violation(errors: Mapping[str, float], limits: Mapping[str, float]) -> str:
    """The joint that is farthest beyond its limit, in words; empty where none is."""
    beyond = {n: errors[n] - limit for n, limit in limits.items() if errors.get(n, 0.0) > limit}
    if not beyond:
        return ''
    worst = max(beyond, key=beyond.get)
    return f'{worst} is {errors[worst]:.3f} rad from the trajectory, over {limits[worst]:g}'


def _positive(tolerances: Iterable[Any]) -> dict[str, float]:
    return {each.name: each.position for each in tolerances if each.position > 0.0}
