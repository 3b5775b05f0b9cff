"""Primitives of the stages of a pick: follow a motion, brake, command the fingers, measure.

Each primitive is a generator that each fresh state of the robot resumes. A motion ends when the
robot has arrived, never because time is over; a failure is the generator's return value.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from planner_node.config import ExecutionConfig
from planner_node.execution.grip_monitor import GripMonitor
from planner_node.execution.motion_stream import MotionStream
from planner_node.execution.supervisor import FULL_SPEED, SpeedOverride
from planner_node.execution.wrist_load import WristLoad
from sakiyomi.robot.drivers import FAILED, ArmDriver, GripperDriver
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import GripperCommand, JointTrajectory, RobotState


@dataclass(frozen=True)
class StageFailure:
    """Why a stage did not come to its end."""

    outcome: str  # one of the Pick action's, in lower case
    reason: str


StageRun = Generator[None, None, StageFailure | None]
Motion = Generator[None, None, None]


@dataclass(frozen=True)
class Guard:
    """The conditions under which a motion stops early.

    Attributes:
        name: of the stage, for the reason.
        contact_n: force at the wrist that stops the arm; None: contact is not watched.
        touches_down: the hand may meet the table or the object at the end of the motion.
        carries: the hand must keep its object.
    """

    name: str
    contact_n: float | None = None
    touches_down: bool = False
    carries: bool = False


class Primitives:
    """The robot's two drivers and its newest state, for one pick.

    Attributes:
        stream: the motion under way, None before the first.
        holding: an object is in the hand.
        weight_n: its load on the wrist after the lift [N].
        stop: why the pick is to end, after a request to stop.
    """

    def __init__(
        self,
        config: ExecutionConfig,
        arm: ArmDriver,
        gripper: GripperDriver,
        robot: RobotModel,
        grip_force_n: float,
    ) -> None:
        self.config = config
        self.stream: MotionStream | None = None
        self.holding = False
        self.weight_n = 0.0
        self.stop: StageFailure | None = None
        self.grip_monitor, self.wrist_load = GripMonitor(config), WristLoad(config)
        self._arm, self._gripper, self._robot = arm, gripper, robot
        self._grip_force_n = grip_force_n
        self._state: RobotState | None = None
        self._speed_override, self._patience_s = FULL_SPEED, np.inf
        self._blocked_s = self._empty_s = self._baseline_force_n = 0.0

    def take_over(self, before: Primitives) -> None:
        """Go on with the object that an earlier pick has left in the hand."""
        self.grip_monitor, self.wrist_load = before.grip_monitor, before.wrist_load
        self.weight_n, self.holding = before.weight_n, True

    @property
    def open_width_m(self) -> float:
        """The widest opening of the hand [m]."""
        return self._robot.max_finger_width_m

    @property
    def state(self) -> RobotState:
        """The newest state of the robot."""
        return self._state

    def see(self, state: RobotState, speed_override: SpeedOverride, patience_s: float) -> None:
        """Take over a fresh state and the supervisor's override."""
        passed_s = 0.0 if self._state is None else state.stamp_s - self._state.stamp_s
        self._state, self._speed_override, self._patience_s = state, speed_override, patience_s
        self._blocked_s = self._blocked_s + passed_s if speed_override.speed_scale <= 0.0 else 0.0
        self.grip_monitor.add(state)
        self.wrist_load.add(state)
        self._empty_s = 0.0 if self.grip_monitor.is_holding(state) else self._empty_s + passed_s

    def cancel(self) -> None:
        """Ask the controller to stop, where there is no state to command anything by."""
        self._arm.cancel()

    # Motions.

    def follow(self, trajectory: JointTrajectory, guard: Guard, from_s: float = 0.0) -> StageRun:
        """Follow a motion to its end, or brake on a failure."""
        failure = self._start_mismatch(trajectory, from_s)
        if failure is not None:
            return failure
        if not from_s:
            trajectory = trajectory.blended_from(self._state.q)
        self._begin(trajectory, from_s)
        self._baseline_force_n = self.wrist_load.latest_n()
        while True:
            failure = self.stop or self._detect_failure(guard)
            if failure is not None:
                yield from self.brake()
                return failure
            self.stream.speed_scale = (
                self._speed_override.speed_scale * self._touch_down_speed_scale(guard)
            )
            self.stream.step(self._state)
            if self.stream.arrived:
                return None
            yield

    def retrace(self, name: str, *motions: tuple[JointTrajectory, float]) -> StageRun:
        """Go back the way that the arm came, which was free."""
        for trajectory, path_s in motions:
            from_s = trajectory.duration_s - path_s
            failure = yield from self.follow(trajectory.reversed(), Guard(name), from_s)
            if failure is not None:
                return failure
        return None

    def back_off(self, trajectory: JointTrajectory, path_s: float) -> Motion:
        """Go back along a motion until the force at the wrist is small."""
        self._begin(trajectory.reversed(), trajectory.duration_s - path_s)
        least_n = self.config.back_off_force_share * self.config.max_contact_n
        while self.wrist_load.latest_n() > least_n and not (self.stream.arrived or self.stop):
            self.stream.step(self._state)
            if self.stream.failure:
                return
            yield
        yield from self.brake()

    def brake(self) -> Motion:
        """Come to rest on the path; where the arm does not obey, ask its controller to stop."""
        if self.stream.failure:
            self._arm.cancel()
            return
        start_s = self._state.stamp_s
        self.stream.speed_scale = 0.0
        while not self.stream.at_rest(self._state.stamp_s):
            self.stream.step(self._state)
            if self.stream.failure or self._state.stamp_s - start_s > self.config.max_braking_s:
                self._arm.cancel()
                return
            yield

    # Fingers.

    def set_width(self, width_m: float, longest_s: float) -> StageRun:
        """Move the fingers and wait until they have arrived or met an object."""
        self.command_width(width_m)
        return (yield from self.await_fingers(longest_s))

    def command_width(self, width_m: float) -> None:
        """Send the fingers to an opening [m] without waiting for them."""
        self._gripper.send(GripperCommand(width_m, self._grip_force_n))
        self.grip_monitor.note_command(width_m, self._state)

    def await_fingers(self, longest_s: float) -> StageRun:
        """Wait until the fingers have settled; the failure where they did not obey."""
        yield from self._wait(self.grip_monitor.has_settled, longest_s)
        return self._gripper_failure()

    def dwell(self) -> Motion:
        """Stand still for as long as an average over the newest readings takes."""
        yield from self._wait(lambda _: False, self.config.dwell_s)

    # Measurements.

    def is_holding(self) -> bool:
        """Whether an object is between the pads now."""
        self.holding = self.grip_monitor.is_holding(self._state)
        return self.holding

    def weigh(self) -> None:
        """Keep the present load on the wrist as the weight of the held object."""
        self.weight_n = self.wrist_load.mean_n()

    @property
    def weight_measurable(self) -> bool:
        """Whether the wrist can tell that the weight is gone."""
        return self._state.wrench_known and self.weight_n > 2.0 * self.config.load_noise_n

    def still_attached(self) -> bool:
        """Whether a part of the weight is still on the wrist, or a force on both pads."""
        least_n = max(self.config.attached_load_share * self.weight_n, self.config.load_noise_n)
        return (
            self.weight_measurable and self.wrist_load.mean_n() > least_n
        ) or self.grip_monitor.both_pads_in_contact(self._state)

    def describe_grip(self) -> str:
        """Opening and pad force, as text."""
        state = self._state
        return (
            f'{state.finger_width_m * 1e3:.1f} mm between the pads, '
            f'{state.finger_force_n.min():.2f} N on the weaker one'
        )

    # Why a motion ends early.

    def _begin(self, trajectory: JointTrajectory, from_s: float) -> None:
        self.stream = MotionStream(trajectory, self._arm, self._robot, self.config, from_s)

    def _start_mismatch(self, trajectory: JointTrajectory, from_s: float) -> StageFailure | None:
        """No motion begins far from where the arm is."""
        gap = np.abs(trajectory.sample(np.array([from_s]))[0][0] - self._state.q)
        if gap.max() <= self.config.path_tolerance_rad:
            return None
        joint = self._robot.arm_joint_names[int(gap.argmax())]
        reason = f'{joint} is {gap.max():.2f} rad from where the motion begins'
        return StageFailure('actuator_failed', reason)

    def _touch_down_speed_scale(self, guard: Guard) -> float:
        """Slower where the hand may touch down: a stiff arm presses harder the faster it is."""
        left_s = self.stream.trajectory.duration_s - self.stream.path_s
        slow = guard.touches_down and left_s < self.config.touch_down_s
        return self.config.touch_down_speed_scale if slow else 1.0

    def _detect_failure(self, guard: Guard) -> StageFailure | None:
        if self.stream.failure:
            return StageFailure('actuator_failed', self.stream.failure)
        if guard.contact_n is not None and self._overloaded(guard.contact_n):
            latest_n = self.wrist_load.latest_n()
            return StageFailure('collided', f'{latest_n:.0f} N at the wrist in {guard.name}')
        if guard.carries and self._empty_s > self.config.grasp_lost_s:
            self.holding = False
            return StageFailure('dropped', f'lost on the way: {self.describe_grip()}')
        if self._blocked_s > self._patience_s:
            return StageFailure(self._speed_override.outcome, self._speed_override.reason)
        return None

    def _overloaded(self, contact_n: float) -> bool:
        """Whether the force at the wrist exceeds its limit or has grown since the motion began."""
        now_n = self.wrist_load.latest_n()
        self._baseline_force_n = min(self._baseline_force_n, now_n)
        return now_n > max(contact_n + self.weight_n, self._baseline_force_n + 0.5 * contact_n)

    def _gripper_failure(self) -> StageFailure | None:
        report, width_mm = self._gripper.report(), self._state.finger_width_m * 1e3
        if report.state in FAILED:
            reason = f'the gripper {report.state.value} the command: {report.reason}'
            return StageFailure('actuator_failed', reason)
        if self.grip_monitor.command_ignored(self._state):
            reason = f'the fingers stayed {width_mm:.0f} mm apart when told to move'
            return StageFailure('actuator_failed', reason)
        return None

    def _wait(self, over: Callable[[RobotState], bool], longest_s: float) -> Motion:
        start_s = self._state.stamp_s
        while not self.stop:
            yield
            if over(self._state) or self._state.stamp_s - start_s > longest_s:
                return
