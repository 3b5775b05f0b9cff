"""One pick, stage by stage: each begins from a fresh look at the robot and ends with one.

What goes wrong brakes the arm on its path and names the joint, the distance or the age that says
so. Then the arm goes home where that is safe, else it rests and lets go of nothing.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from planner_node.config import ExecutionConfig
from planner_node.execution.motion_stream import MotionStream
from planner_node.execution.primitives import Ending, Guard, Primitives, Stage
from planner_node.execution.shake import shake
from planner_node.execution.supervisor import GO, Verdict
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
        done: nothing more will be commanded.
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
            do.take_over(before._do)
        self._do = do
        stages = (self._reach, self._approach, self._close, self._lift, self._carry, self._place)
        self._script = self._run(stages if before is None else stages[stages.index(self._lift) :])

    @property
    def stream(self) -> MotionStream | None:
        """The motion under way, None before the first."""
        return self._do.stream

    @property
    def holding(self) -> bool:
        """Whether something is in the hand."""
        return self._do.holding

    def step(self, state: RobotState, verdict: Verdict = GO, patience_s: float = np.inf) -> None:
        """Look at the newest state and send what is due.

        Args:
            state: fresh; nothing is commanded by an old one.
            verdict: the supervisor's.
            patience_s: how long the verdict may keep the arm at rest before the pick ends.
        """
        if self.done:
            return
        self._do.see(state, verdict, patience_s)
        try:
            next(self._script)
        except StopIteration:
            self.done = True

    def stop(self, outcome: str, reason: str) -> None:
        """Brake the arm on its path and end there."""
        self._do.stop = Ending(outcome, reason)

    def abandon(self, outcome: str, reason: str) -> None:
        """End at once: there is no fresh state to command anything by."""
        self._do.cancel()
        self.done = True
        self.outcome, self.reason = self.outcome or outcome, self.reason or reason

    # The stages. Each returns None to go on, or why the pick ends.

    def _run(self, stages: tuple) -> Generator[None, None, None]:
        for stage in stages:
            ending = yield from stage()
            if ending is not None:
                self.outcome, self.reason = ending.outcome, ending.reason
                yield from self._recover(ending)
                return
        yield from self._retreat()

    def _reach(self) -> Stage:
        self.phase, do, opening_m = 'reach', self._do, self.plan.grasp.opening_m
        do.command_width(opening_m)
        ending = yield from do.follow(self.plan['reach'], self._guard())
        if ending is None:
            ending = yield from do.await_fingers(self.config.open_s)
        width_m = do.state.finger_width_m
        if ending is None and abs(width_m - opening_m) > self.config.opening_error_m:
            apart = f'the fingers are {width_m * 1e3:.0f} mm apart'
            ending = Ending('actuator_failed', f'{apart}, told to be {opening_m * 1e3:.0f} mm')
        if ending is None:
            yield from do.rest()
            do.load.tare()
        return ending

    def _approach(self) -> Stage:
        self.phase, do, approach = 'approach', self._do, self.plan['approach']
        guard = Guard(self.phase, self.config.touch_down_n, touches_down=True)
        ending = yield from do.follow(approach, guard)
        if ending is None or ending.outcome != 'collided':
            return ending
        at_s = do.stream.path_s
        if 1.0 - at_s / max(approach.duration_s, 1e-9) >= self.config.near_enough:
            return ending
        # the hand stands on something, but the object is in reach: no further, and no pressing
        yield from do.ease(approach, at_s)
        return do.stop

    def _close(self) -> Stage:
        self.phase, do = 'close', self._do
        ending = yield from do.set_width(0.0, self.config.close_timeout_s)
        if ending is not None or do.holds():
            return ending
        return Ending('missed', do.between_the_pads())

    def _lift(self) -> Stage:
        self.phase, do = 'lift', self._do
        ending = yield from do.follow(self.plan['lift'], self._guard())
        if ending is not None:
            return ending
        self.phase = 'verify'
        yield from do.rest()
        do.weigh()
        return None if do.holds() else Ending('slipped', do.between_the_pads())

    def _carry(self) -> Stage:
        self.phase = 'carry'
        guard = Guard(self.phase, self.config.max_contact_n, carries=True)
        return (yield from self._do.follow(self.plan['carry'], guard))

    def _place(self) -> Stage:
        self.phase, do = 'place', self._do
        yield from do.rest()
        if do.stop is not None:
            return do.stop  # which lets go of nothing
        bears_n = do.load.mean_n()
        light = do.weighable and bears_n < self.config.hanging_share * do.weight_n
        if not do.holds() or light:
            do.holding = False
            return Ending('dropped', f'lost on the way to the place, {bears_n:.1f} N are left')
        # wide to let go of an object that has turned in the hand, then back to the opening of the
        # grasp: a finger in a hole or a handle would carry the object off
        for width_m in (do.open_width_m, self.plan.grasp.opening_m):
            yield from do.set_width(width_m, self.config.open_s)
        yield from do.rest()
        return (yield from self._let_go())

    def _let_go(self) -> Stage:
        """See to it that the object has left the hand, by the pads and by its weight."""
        do = self._do
        for _ in range(self.config.shakes):
            if not do.hangs():
                break
            swing = shake(do.state.q, self.config.shake_rad)
            yield from do.follow(swing, Guard(self.phase))
            yield from do.rest()
        hangs, do.holding = do.hangs(), False  # open fingers hold nothing to carry on with
        if hangs:
            left_n = do.load.mean_n()
            return Ending('not_placed', f'{left_n:.1f} of {do.weight_n:.1f} N still hang on it')
        left = f'{do.weight_n:.1f} N left' if do.weighable else 'both pads let go of it in'
        self.outcome, self.reason = 'success', f'{left} the hand at the place'
        return (yield from self._leave())

    def _leave(self) -> Stage:
        """A failure on the way out does not undo what was placed."""
        ending = yield from self._do.follow(self.plan['leave'], self._guard())
        if ending is not None:
            self.reason = f'{self.reason}; then {ending.reason}'
            return Ending(self.outcome, self.reason)
        return None

    def _retreat(self) -> Stage:
        self.phase = 'retreat'
        self._do.command_width(self._do.open_width_m)
        ending = yield from self._do.follow(self.plan['retreat'], self._guard())
        if ending is not None:
            self.reason = f'{self.reason}; then {ending.reason}'

    def _recover(self, ending: Ending) -> Stage:
        """Go home where that is safe; else rest, and let go of nothing."""
        p, do, at_s = self.plan, self._do, self._do.stream.path_s
        if do.stop is not None or ending.outcome in ('stale_input', 'obstructed'):
            return
        if ending.outcome == 'actuator_failed' and do.stream.failure:
            return
        stage, self.phase = self.phase, 'retreat'
        if stage == 'reach':
            yield from do.back(self.phase, (p['reach'], at_s))
        elif stage in ('approach', 'close'):
            yield from do.set_width(p.grasp.opening_m, self.config.open_s)
            yield from do.back(
                self.phase, (p['approach'], at_s), (p['reach'], p['reach'].duration_s)
            )
        elif stage == 'verify':
            yield from self._home_from_the_lift()
        elif not self.holding and stage == 'carry':
            yield from do.back(self.phase, (p['carry'], at_s))
            yield from self._home_from_the_lift()
        elif stage == 'place':
            yield from do.follow(p['leave'], self._guard())
            yield from do.follow(p['retreat'], self._guard())

    def _home_from_the_lift(self) -> Stage:
        self._do.command_width(self._do.open_width_m)
        yield from self._do.follow(self.plan['abort'], self._guard())

    def _guard(self) -> Guard:
        return Guard(self.phase, self.config.max_contact_n)
