"""One pick, stage by stage; each stage begins and ends with a fresh state of the robot.

A failure brakes the arm on its path and names the joint, the distance or the age that shows the
failure. Then the arm goes home where that is safe; otherwise the arm rests and keeps its grip.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from planner_node.config import ExecutionConfig
from planner_node.execution.motion_stream import MotionStream
from planner_node.execution.primitives import Guard, Primitives, StageFailure, StageRun
from planner_node.execution.shake import shake
from planner_node.execution.supervisor import FULL_SPEED, SpeedOverride
from planner_node.pick_plan import PickPlan
from sakiyomi.robot.drivers import ArmDriver, GripperDriver
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import RobotState

PHASES = ('reach', 'approach', 'close', 'lift', 'verify', 'carry', 'place', 'retreat')


class PickExecution:
    """One pick under way.

    Args:
        plan: what was decided before the arm moves.
        config: of the execution.
        arm: takes goals.
        gripper: takes commands.
        robot: names joints and limits.
        before: an execution whose hand is still full; its object goes on to its place.

    Attributes:
        phase: one of PHASES.
        done: the pick sends no further command.
        outcome: one of the Pick action's outcomes in lower case, '' until it is known.
        reason: one line.
    """

    def __init__(
        self,
        plan: PickPlan,
        config: ExecutionConfig,
        arm: ArmDriver,
        gripper: GripperDriver,
        robot: RobotModel,
        before: PickExecution | None = None,
    ) -> None:
        self.plan, self.config = plan, config
        self.phase = PHASES[0]
        self.done = False
        self.outcome = self.reason = ''
        do = Primitives(config, arm, gripper, robot, plan.grasp.force_n)
        if before is not None:
            do.take_over(before._primitives)
        self._primitives = do
        stages = (self._reach, self._approach, self._close, self._lift, self._carry, self._place)
        self._stage_run = self._run(
            stages if before is None else stages[stages.index(self._lift) :]
        )

    @property
    def stream(self) -> MotionStream | None:
        """The motion under way, None before the first."""
        return self._primitives.stream

    @property
    def holding(self) -> bool:
        """Whether an object is in the hand."""
        return self._primitives.holding

    def step(
        self,
        state: RobotState,
        speed_override: SpeedOverride = FULL_SPEED,
        patience_s: float = np.inf,
    ) -> None:
        """Evaluate the newest state and send the commands that are due.

        Args:
            state: of the robot, fresh.
            speed_override: the supervisor's.
            patience_s: how long the override may keep the arm at rest before the pick ends.
        """
        if self.done:
            return
        self._primitives.see(state, speed_override, patience_s)
        try:
            next(self._stage_run)
        except StopIteration:
            self.done = True

    def stop(self, outcome: str, reason: str) -> None:
        """Brake the arm on its path and end there."""
        self._primitives.stop = StageFailure(outcome, reason)

    def abandon(self, outcome: str, reason: str) -> None:
        """End at once: there is no fresh state to command anything by."""
        self._primitives.cancel()
        self.done = True
        self.outcome, self.reason = self.outcome or outcome, self.reason or reason

    # The stages. Each returns None to go on, or why the pick ends.

    def _run(self, stages: tuple) -> Generator[None, None, None]:
        for stage in stages:
            failure = yield from stage()
            if failure is not None:
                self.outcome, self.reason = failure.outcome, failure.reason
                yield from self._recover(failure)
                return
        yield from self._retreat()

    def _reach(self) -> StageRun:
        self.phase, do, opening_m = 'reach', self._primitives, self.plan.grasp.opening_m
        do.command_width(opening_m)
        failure = yield from do.follow(self.plan['reach'], self._guard())
        if failure is None:
            failure = yield from do.await_fingers(self.config.open_s)
        width_m = do.state.finger_width_m
        if failure is None and abs(width_m - opening_m) > self.config.opening_error_m:
            apart = f'the fingers are {width_m * 1e3:.0f} mm apart'
            failure = StageFailure(
                'actuator_failed', f'{apart}, told to be {opening_m * 1e3:.0f} mm'
            )
        if failure is None:
            yield from do.dwell()
            do.wrist_load.tare()
        return failure

    def _approach(self) -> StageRun:
        self.phase, do, approach = 'approach', self._primitives, self.plan['approach']
        guard = Guard(self.phase, self.config.touch_down_n, touches_down=True)
        failure = yield from do.follow(approach, guard)
        if failure is None or failure.outcome != 'collided':
            return failure
        at_s = do.stream.path_s
        if 1.0 - at_s / max(approach.duration_s, 1e-9) >= self.config.max_remaining_approach:
            return failure
        # the hand stands on an obstacle, but the object is in reach: the approach ends here
        yield from do.back_off(approach, at_s)
        return do.stop

    def _close(self) -> StageRun:
        self.phase, do = 'close', self._primitives
        failure = yield from do.set_width(0.0, self.config.close_timeout_s)
        if failure is not None or do.is_holding():
            return failure
        return StageFailure('missed', do.describe_grip())

    def _lift(self) -> StageRun:
        self.phase, do = 'lift', self._primitives
        failure = yield from do.follow(self.plan['lift'], self._guard())
        if failure is not None:
            return failure
        self.phase = 'verify'
        yield from do.dwell()
        do.weigh()
        return None if do.is_holding() else StageFailure('slipped', do.describe_grip())

    def _carry(self) -> StageRun:
        self.phase = 'carry'
        guard = Guard(self.phase, self.config.max_contact_n, carries=True)
        return (yield from self._primitives.follow(self.plan['carry'], guard))

    def _place(self) -> StageRun:
        self.phase, do = 'place', self._primitives
        yield from do.dwell()
        if do.stop is not None:
            return do.stop  # the hand keeps its grip
        load_n = do.wrist_load.mean_n()
        light = do.weight_measurable and load_n < self.config.attached_load_share * do.weight_n
        if not do.is_holding() or light:
            do.holding = False
            return StageFailure(
                'dropped', f'lost on the way to the place, {load_n:.1f} N are left'
            )
        # wide to let go of an object that has turned in the hand, then back to the opening of the
        # grasp: a finger in a hole or a handle would carry the object off
        for width_m in (do.open_width_m, self.plan.grasp.opening_m):
            yield from do.set_width(width_m, self.config.open_s)
        yield from do.dwell()
        return (yield from self._verify_release())

    def _verify_release(self) -> StageRun:
        """Check by the pads and by the weight that the object has left the hand."""
        do = self._primitives
        for _ in range(self.config.shakes):
            if not do.still_attached():
                break
            c = self.config
            swing = shake(do.state.q, c.shake_rad, c.shake_swings, c.shake_period_s)
            yield from do.follow(swing, Guard(self.phase))
            yield from do.dwell()
        still_attached = do.still_attached()
        do.holding = False  # the fingers are open: there is no object to carry on with
        if still_attached:
            left_n = do.wrist_load.mean_n()
            return StageFailure(
                'not_placed', f'{left_n:.1f} of {do.weight_n:.1f} N still hang on it'
            )
        left = f'{do.weight_n:.1f} N left' if do.weight_measurable else 'both pads let go of it in'
        self.outcome, self.reason = 'success', f'{left} the hand at the place'
        return (yield from self._back_out())

    def _back_out(self) -> StageRun:
        """A failure on the way out does not undo what was placed."""
        failure = yield from self._primitives.follow(self.plan['leave'], self._guard())
        if failure is not None:
            self.reason = f'{self.reason}; then {failure.reason}'
            return StageFailure(self.outcome, self.reason)
        return None

    def _retreat(self) -> StageRun:
        self.phase = 'retreat'
        self._primitives.command_width(self._primitives.open_width_m)
        failure = yield from self._primitives.follow(self.plan['retreat'], self._guard())
        if failure is not None:
            self.reason = f'{self.reason}; then {failure.reason}'

    def _recover(self, failure: StageFailure) -> StageRun:
        """Go home where that is safe; otherwise rest and keep the grip."""
        p, do, at_s = self.plan, self._primitives, self._primitives.stream.path_s
        if do.stop is not None or failure.outcome in ('stale_input', 'obstructed'):
            return
        if failure.outcome == 'actuator_failed' and do.stream.failure:
            return
        stage, self.phase = self.phase, 'retreat'
        if stage == 'reach':
            yield from do.retrace(self.phase, (p['reach'], at_s))
        elif stage in ('approach', 'close'):
            yield from do.set_width(p.grasp.opening_m, self.config.open_s)
            yield from do.retrace(
                self.phase, (p['approach'], at_s), (p['reach'], p['reach'].duration_s)
            )
        elif stage == 'verify':
            yield from self._abort_from_lift()
        elif not self.holding and stage == 'carry':
            yield from do.retrace(self.phase, (p['carry'], at_s))
            yield from self._abort_from_lift()
        elif stage == 'place':
            yield from do.follow(p['leave'], self._guard())
            yield from do.follow(p['retreat'], self._guard())

    def _abort_from_lift(self) -> StageRun:
        self._primitives.command_width(self._primitives.open_width_m)
        yield from self._primitives.follow(self.plan['abort'], self._guard())

    def _guard(self) -> Guard:
        return Guard(self.phase, self.config.max_contact_n)
