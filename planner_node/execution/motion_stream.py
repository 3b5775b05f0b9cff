"""One motion under way, sent as short goals that each end at rest.

A controller holds a fraction of a second of motion and the braking after that: when the planner
dies or sensor data stop, the arm comes to rest on its path by itself.
"""

from __future__ import annotations

import numpy as np

from planner_node.config import ExecutionConfig
from planner_node.execution.arm_progress import ArmProgress
from planner_node.execution.time_law import TimeLaw, apply_time_law, standstill, time_law
from sakiyomi.robot.drivers import FAILED, ArmDriver, GoalState
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory, RobotState


class MotionStream:
    """Sends one motion and monitors that the arm follows.

    Attributes:
        speed_scale: the rate asked for, in [0, 1]; 0 brakes to rest on the path.
        failure: why the arm does not follow; '' while the arm follows.
        arrived: the arm stands at the end of the motion, and its controller agrees.
    """

    def __init__(
        self,
        trajectory: JointTrajectory,
        arm: ArmDriver,
        robot: RobotModel,
        config: ExecutionConfig,
        path_s: float = 0.0,
    ) -> None:
        self.trajectory = trajectory
        self.speed_scale = 1.0
        self.failure = ''
        self.arrived = False
        self._arm, self._config = arm, config
        self._names = robot.arm_joint_names
        self._braking_s = max(config.min_braking_s, braking_s(trajectory, robot.ddq_max))
        self._progress = ArmProgress(trajectory, config, path_s)
        self._law: TimeLaw | None = None
        self._from_s = path_s
        self._preempted: TimeLaw | None = None  # by the newest goal, while that may be refused
        self._retry_s = -np.inf
        self._num_retries = 0
        self._sent_s = -np.inf
        self._sent_speed_scale = 0.0

    @property
    def path_s(self) -> float:
        """Own time of the motion at the point where the arm really is."""
        return self._progress.path_s

    def reference_s(self, now_s: float) -> float:
        """Own time of the motion at the point where the controller should have the arm."""
        return self._from_s if self._law is None else self._law.at(now_s)[0]

    def at_rest(self, now_s: float) -> bool:
        """Whether the goals sent so far have come to rest."""
        return self._law is None or now_s >= self._law.end_s

    def step(self, state: RobotState) -> None:
        """Evaluate the state of the arm, and send the next goal where one is due."""
        now_s = state.stamp_s
        if self._law is None:
            self._law = standstill(now_s, self._from_s)
        self._deferred = self._goal_deferred(now_s)
        self._progress.update(state.q, self.reference_s(now_s), now_s)
        there = self._has_arrived(state)
        self.arrived = there and self._goal_confirmed()
        if not self.arrived:
            self.failure = self.failure or self._diagnose(state, there)
        if not self.failure and self._stopped_short(state):
            self._law = standstill(now_s, self._progress.path_s)
        if not self.failure and self._goal_due(now_s):
            self._send(now_s)

    def _stopped_short(self, state: RobotState) -> bool:
        """Whether the arm stands, and short of where the goals so far would have brought it."""
        still = np.abs(state.dq).max() <= self._config.stationary_joint_speed_radps
        return self.at_rest(state.stamp_s) and still and self._is_lagging(state.stamp_s)

    def _send(self, now_s: float) -> None:
        window_s = self._config.goal_window_s if self._arm.preempts else self._config.long_goal_s
        speed_scale = self._lag_limited_speed_scale(now_s)
        duration_s = self.trajectory.duration_s
        law = time_law(
            now_s, self._law.at(now_s), speed_scale, window_s, self._braking_s, duration_s
        )
        if len(law.times_s) < 2:
            return
        self._preempted = self._law
        self._arm.send(apply_time_law(self.trajectory, law), now_s)
        self._law, self._sent_s, self._sent_speed_scale = law, now_s, speed_scale

    def _goal_deferred(self, now_s: float) -> bool:
        """A goal refused because another runs leaves that one running; it is sent again later."""
        refused = self._arm.report().state is GoalState.REFUSED and not self._arm.preempts
        if refused and self._preempted is not None:
            self._law, self._preempted = self._preempted, None
            self._retry_s = max(now_s, self._law.end_s) + self._config.retry_s
            self._num_retries += 1
        if not refused:
            self._num_retries = 0
        return refused and self._num_retries * self._config.retry_s <= self._config.stall_s

    def _goal_due(self, now_s: float) -> bool:
        at_rest, speed_scale = self.at_rest(now_s), self._lag_limited_speed_scale(now_s)
        braked = speed_scale <= 0.0 and (at_rest or self._sent_speed_scale <= 0.0)
        if braked or (at_rest and self._reference_finished(now_s)):
            return False
        if not self._arm.preempts:
            running = self._arm.report().state in (GoalState.SENT, GoalState.RUNNING)
            return at_rest and not running and now_s >= self._retry_s
        if (
            at_rest
            or abs(speed_scale - self._sent_speed_scale) > self._config.min_speed_scale_change
        ):
            return True
        ends = self._law.path_s[-1] >= self.trajectory.duration_s
        return not ends and now_s - self._sent_s >= self._config.goal_period_s

    def _reference_finished(self, now_s: float) -> bool:
        """Whether the reference is at the end of the motion."""
        return self.reference_s(now_s) >= self.trajectory.duration_s - 1e-9

    def _lag_limited_speed_scale(self, now_s: float) -> float:
        """The speed scale, reduced where the arm lags: the reference waits for the arm."""
        lag_s = self._law.at(now_s)[0] - self._progress.path_s
        room_s = self._config.max_lag_s - self._config.nominal_lag_s
        return self.speed_scale * float(
            np.clip((self._config.max_lag_s - lag_s) / room_s, 0.0, 1.0)
        )

    def _has_arrived(self, state: RobotState) -> bool:
        near = np.abs(state.q - self.trajectory.q[-1]).max() <= self._config.goal_tolerance_rad
        still = np.abs(state.dq).max() <= self._config.stationary_joint_speed_radps
        return bool(self._reference_finished(state.stamp_s) and near and still)

    def _goal_confirmed(self) -> bool:
        """Whether the controller, where it answers, says that the goal is done."""
        asked = self._arm.answers and self._sent_s > -np.inf
        return not asked or self._arm.report().state is GoalState.SUCCEEDED

    def _diagnose(self, state: RobotState, there: bool) -> str:
        report, c, now_s = self._arm.report(), self._config, state.stamp_s
        if self._sent_s == -np.inf:
            return ''
        if report.state in FAILED and not self._deferred:
            return f'the arm controller {report.state.value} the goal: {report.reason}'
        if self._progress.error_rad > c.path_tolerance_rad:
            joint = self._names[self._progress.worst_joint]
            return f'{joint} is {self._progress.error_rad:.2f} rad off the path'
        still_s = self._progress.stalled_for_s(now_s)
        waiting = self.speed_scale > 0.0 and (
            self._is_lagging(now_s) or self._reference_finished(now_s)
        )
        if not waiting or still_s <= c.stall_s:
            return ''
        if there:
            return f'the arm is there, but its controller has not said so for {still_s:.1f} s'
        return f'the arm has not moved for {still_s:.1f} s, {self._describe_gap(state)}'

    def _is_lagging(self, now_s: float) -> bool:
        return self.reference_s(now_s) - self._progress.path_s > self._config.nominal_lag_s

    def _describe_gap(self, state: RobotState) -> str:
        """Which joint is how far from where it should be."""
        wanted = self.trajectory.sample(np.array([self.reference_s(state.stamp_s)]))[0][0]
        gap = np.abs(wanted - state.q)
        worst = int(gap.argmax())
        return f'{self._names[worst]} is {gap[worst]:.3f} rad from where it should be'


def braking_s(trajectory: JointTrajectory, ddq_max: np.ndarray) -> float:
    """How long braking from full pace must take for no joint to exceed its acceleration [s]."""
    return float((np.abs(trajectory.dq).max(axis=0) / ddq_max).max())
