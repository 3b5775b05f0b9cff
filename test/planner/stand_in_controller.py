"""A joint trajectory controller of closed form, and an arm that follows it with a small lag.

It refuses goals as the controllers of real arms do, each check by a limit that a test may change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from sakiyomi.robot.drivers import GoalReport, GoalState
from sakiyomi.scene import JointTrajectory

STEP_S = 0.005
BRAKING_RADPS2 = 10.0  # of the emergency stop
AT_REST_RADPS = 1e-6


@dataclass(frozen=True)
class Limits:
    """What the controller tolerates."""

    start_rad: float = 0.3  # from where the arm is to where the trajectory is at this instant
    path_rad: float = 0.2
    goal_rad: float = 0.01
    goal_time_s: float = 0.5  # beyond the end of the trajectory
    end_speed: bool = False  # whether a trajectory may end in motion
    while_running: bool = True  # whether a goal replaces the running one


@dataclass
class ArmFaults:
    """What goes wrong with the arm; a test may set them at any time."""

    deaf: bool = False  # nobody listens to the commands
    speed: float = 1.0  # of the speed slider: the share of the time law's speed
    stopped: bool = False  # by the emergency stop: the arm brakes and refuses goals
    blocked: bool = False  # the arm cannot move, be the reference where it may


class StandInArm:
    """Follows the newest accepted trajectory; once it has ended, holds its last point.

    Attributes:
        now_s: the controller's clock [s].
        q: where the arm is [rad]. Shape (n,).
        dq: its velocity [rad/s]. Shape (n,).
        report: what became of the newest goal.
        sent: every trajectory that was sent, with its start [s].
        largest_speed_radps: that any joint had so far.
        largest_jump_rad: of the reference between two control periods of 5 ms.
    """

    def __init__(
        self,
        q: np.ndarray,
        limits: Limits | None = None,
        now_s: float = 100.0,
        lag_s: float = 0.02,
    ):
        self.limits, self.faults = limits or Limits(), ArmFaults()
        self.now_s, self._lag_s = now_s, lag_s
        self.q, self.dq = np.array(q, float), np.zeros(len(q))
        self.report = GoalReport()
        self.sent: list[tuple[JointTrajectory, float]] = []
        self.largest_speed_radps = self.largest_jump_rad = 0.0
        self._hold()

    @property
    def running(self) -> bool:
        """Whether a goal is under way."""
        return self._end_s is not None

    def command(self, trajectory: JointTrajectory, start_s: float) -> None:
        """Follow a trajectory whose time 0 is at `start_s`; 0.0 starts it on arrival."""
        self.sent.append((trajectory, start_s))
        if self.faults.deaf:
            return
        reason = self.refusal(trajectory, start_s)
        if reason:
            self.report = GoalReport(GoalState.REFUSED, reason)
            return
        self._time_s = self.now_s - start_s if start_s else 0.0
        self._end_s = trajectory.duration_s
        self._sample = self._joined(trajectory)
        self.report = GoalReport(GoalState.RUNNING)

    def cancel(self) -> bool:
        """Hold the arm where it is; whether a goal was under way."""
        if not self.running:
            return False
        self._give_up(GoalState.CANCELLED, '')
        return True

    def refusal(self, trajectory: JointTrajectory, start_s: float) -> str:
        """Why the controller refuses a goal; empty where it accepts it."""
        times, q, dq = trajectory.times_s, trajectory.q, trajectory.dq
        if self.faults.stopped:
            return 'INVALID_GOAL: the emergency stop is pressed'
        if self.running and not self.limits.while_running:
            return 'INVALID_GOAL: another goal is active'
        if not len(times):
            return 'INVALID_GOAL: Empty trajectory received'
        if q.shape != (len(times), len(self.q)) or dq.shape != q.shape:
            return f'INVALID_JOINTS: got {q.shape[1:]} joints, expected {len(self.q)}'
        if times[0] < 0.0 or (np.diff(times) <= 0.0).any():
            return 'INVALID_GOAL: time between points is not strictly increasing'
        if np.abs(dq[-1]).max() > AT_REST_RADPS and not self.limits.end_speed:
            return 'INVALID_GOAL: velocity of last trajectory point is not zero'
        if start_s and start_s + times[-1] < self.now_s:
            return f'OLD_HEADER_TIMESTAMP: ends {self.now_s - start_s - times[-1]:.2f} s ago'
        return self._start_refusal(trajectory, start_s)

    def step(self, dt: float) -> None:
        """Advance the clock, the reference and the arm, in control periods of 5 ms."""
        for _ in range(max(round(dt / STEP_S), 1)):
            self.now_s += STEP_S
            self._time_s += STEP_S * self.faults.speed
            self._move()
            self._judge()

    def _start_refusal(self, trajectory: JointTrajectory, start_s: float) -> str:
        late_s = self.now_s - start_s if start_s else 0.0
        wanted = _spline(trajectory)(max(late_s, trajectory.times_s[0]))
        error = np.abs(wanted - self.q)
        if error.max() <= self.limits.start_rad:
            return ''
        joint = int(error.argmax())
        return f'INVALID_GOAL: joint {joint + 1} starts {error[joint]:.3f} rad from the arm'

    def _joined(self, trajectory: JointTrajectory):
        """The trajectory, led up to from where the arm is if it begins in the future."""
        if self._time_s >= trajectory.times_s[0]:
            return _spline(trajectory)
        return _spline(
            JointTrajectory(
                np.insert(trajectory.times_s, 0, self._time_s),
                np.vstack([self.q, trajectory.q]),
                np.vstack([self.dq, trajectory.dq]),
            )
        )

    def _hold(self) -> None:
        held = JointTrajectory(np.zeros(1), self.q[None].copy(), np.zeros((1, len(self.q))))
        self._sample, self._time_s, self._end_s = _spline(held), 0.0, None
        self._reference = self.q.copy()

    def _give_up(self, state: GoalState, reason: str) -> None:
        if self.report.state is GoalState.RUNNING:
            self.report = GoalReport(state, reason)
        self._hold()

    def _move(self) -> None:
        wanted = self._sample(self._time_s)
        jump = float(np.abs(wanted - self._reference).max())
        self.largest_jump_rad = max(self.largest_jump_rad, jump)
        self._reference = wanted
        before = self.q
        if self.faults.stopped:
            slowest = BRAKING_RADPS2 * STEP_S
            self.q = before + STEP_S * np.sign(self.dq) * np.maximum(np.abs(self.dq) - slowest, 0)
        elif not self.faults.blocked:
            self.q = before + (wanted - before) * (1.0 - np.exp(-STEP_S / self._lag_s))
        self.dq = (self.q - before) / STEP_S
        self.largest_speed_radps = max(self.largest_speed_radps, float(np.abs(self.dq).max()))

    def _judge(self) -> None:
        if self.faults.stopped:
            self._give_up(GoalState.ABORTED, 'the emergency stop is pressed')
        elif self.running:
            error = np.abs(self._reference - self.q)
            self._judge_goal(int(error.argmax()), float(error.max()))

    def _judge_goal(self, joint: int, error_rad: float) -> None:
        over_s = self._time_s - self._end_s
        words = f'joint {joint + 1} is {error_rad:.3f} rad from where it should be'
        if over_s >= 0.0 and error_rad <= self.limits.goal_rad:
            self._succeed()
        elif over_s < 0.0 and error_rad > self.limits.path_rad:
            self._give_up(GoalState.ABORTED, f'PATH_TOLERANCE_VIOLATED: {words}')
        elif over_s > self.limits.goal_time_s:
            self._give_up(GoalState.ABORTED, f'GOAL_TOLERANCE_VIOLATED: {words}')

    def _succeed(self) -> None:
        self._end_s = None
        if self.report.state is GoalState.RUNNING:
            self.report = replace(self.report, state=GoalState.SUCCEEDED)


def _spline(trajectory: JointTrajectory):
    """Positions over time: cubic between the points, constant beyond them."""
    times, q, dq = trajectory.times_s, trajectory.q, trajectory.dq
    if len(times) == 1:
        return lambda _: q[0].copy()
    cubic = CubicHermiteSpline(times, q, dq)
    return lambda t: cubic(min(max(t, times[0]), times[-1]))
