"""One pick, stage by stage: each begins from a fresh look at the robot and ends with one.

A stage ends when the robot is where it should be, never because its time is over. What goes wrong
brakes the arm on its path and names the joint, the distance or the age that says so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np

from planner_node.config import ExecutionConfig
from planner_node.execution.grip import Grip
from planner_node.execution.motion_stream import MotionStream
from planner_node.execution.shake import shake
from planner_node.execution.supervisor import GO, Verdict
from planner_node.execution.wrist_load import NOISE_N, WristLoad
from planner_node.pick_plan import PickPlan
from sakiyomi.robot.drivers import FAILED, ArmDriver, GripperDriver
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import GripperCommand, JointTrajectory, RobotState

PHASES = ('reach', 'approach', 'close', 'lift', 'verify', 'carry', 'place', 'retreat')
FULLY_OPEN_M = 0.08
LOST_S = 0.1  # a hand that has held nothing for so long has lost it
BRAKING_S = 2.0  # at most
FROM_THE_LIFT = 3  # where a pick goes on with what is in the hand
EASED_SHARE = 0.25  # of the force that counts as contact, after backing off


@dataclass(frozen=True)
class Ending:
    """Why a stage did not come to its end."""

    outcome: str  # one of the Pick action's, in lower case
    reason: str


Stage = Generator[None, None, Ending | None]


class PickExecution:
    """One pick under way.

    Attributes:
        phase: one of PHASES.
        done: nothing more will be commanded.
        outcome: one of the Pick action's outcomes in lower case, '' until it is known.
        reason: one line.
        stream: the motion under way, None before the first.
        holding: something is in the hand.
    """

    def __init__(
        self,
        plan: PickPlan,
        config: ExecutionConfig,
        arm: ArmDriver,
        gripper: GripperDriver,
        robot: RobotModel,
    ) -> None:
        self.plan, self.config = plan, config
        self.phase = PHASES[0]
        self.done = False
        self.outcome = self.reason = ''
        self.stream: MotionStream | None = None
        self.holding = False
        self._arm, self._gripper, self._robot = arm, gripper, robot
        self._grip, self._load = Grip(config), WristLoad()
        self._weight_n = 0.0
        self._state: RobotState | None = None
        self._verdict = GO
        self._stop: Ending | None = None
        self._blocked_s = self._empty_s = self._borne_n = 0.0
        self._begin_at(0)

    def onward(self, plan: PickPlan) -> PickExecution:
        """What is in the hand goes on to its place by another plan, from where the arm is."""
        following = PickExecution(plan, self.config, self._arm, self._gripper, self._robot)
        following._grip, following._load = self._grip, self._load
        following._weight_n, following.holding = self._weight_n, True
        following._begin_at(FROM_THE_LIFT)
        return following

    def step(self, state: RobotState, verdict: Verdict = GO, patience_s: float = np.inf) -> None:
        """Look at the newest state and send what is due.

        Args:
            state: fresh; nothing is commanded by an old one.
            verdict: the supervisor's.
            patience_s: how long the verdict may keep the arm at rest before the pick ends.
        """
        if self.done:
            return
        passed_s = 0.0 if self._state is None else state.stamp_s - self._state.stamp_s
        self._state, self._verdict, self._patience_s = state, verdict, patience_s
        self._blocked_s = self._blocked_s + passed_s if verdict.pace <= 0.0 else 0.0
        self._grip.add(state)
        self._load.add(state)
        held = self._grip.holds(state)
        self._empty_s = 0.0 if held else self._empty_s + passed_s
        try:
            next(self._script)
        except StopIteration:
            self.done = True

    def stop(self, outcome: str, reason: str) -> None:
        """Brake the arm on its path and end there."""
        self._stop = Ending(outcome, reason)

    def abandon(self, outcome: str, reason: str) -> None:
        """End at once: there is no fresh state to command anything by."""
        self._arm.cancel()
        self.done = True
        self.outcome, self.reason = self.outcome or outcome, self.reason or reason

    # The stages. Each returns None to go on, or why the pick ends.

    def _begin_at(self, first: int) -> None:
        self._script = self._stages(first)

    def _stages(self, first: int) -> Generator[None, None, None]:
        forward = (self._reach, self._approach, self._close, self._lift, self._carry, self._place)
        for stage in forward[first:]:
            ending = yield from stage()
            if ending is not None:
                self.outcome, self.reason = ending.outcome, ending.reason
                yield from self._after(ending)
                return
        yield from self._retreat()

    def _reach(self) -> Stage:
        self.phase = 'reach'
        grasp = self.plan.grasp
        self._command_gripper(grasp.opening_m)
        ending = yield from self._follow(self.plan.reach)
        if ending is None:
            yield from self._wait(self._grip.settled, self.config.open_s)
            ending = self._gripper_failure()
        off_m = abs(self._state.finger_width_m - grasp.opening_m)
        if ending is None and off_m > self.config.opening_error_m:
            ending = Ending(
                'actuator_failed',
                f'the fingers are {self._state.finger_width_m * 1e3:.0f} mm apart,'
                f' told to be {grasp.opening_m * 1e3:.0f} mm',
            )
        if ending is None:
            yield from self._rest()
            self._load.tare()
        return ending

    def _approach(self) -> Stage:
        self.phase = 'approach'
        ending = yield from self._follow(self.plan.approach)
        if ending is None or ending.outcome != 'collided':
            return ending
        at_s = self.stream.path_s
        left = 1.0 - at_s / max(self.plan.approach.duration_s, 1e-9)
        if left >= self.config.near_enough:
            return ending
        # it stands on something, but the object is in reach: no further, and no pressing
        yield from self._ease(self.plan.approach, at_s)
        return self._stop

    def _ease(self, trajectory: JointTrajectory, path_s: float) -> Generator[None, None, None]:
        """Go back along a motion until the wrist hardly feels anything."""
        back, from_s = trajectory.reversed(), trajectory.duration_s - path_s
        self.stream = MotionStream(back, self._arm, self._robot, self.config, from_s)
        least_n = EASED_SHARE * self.config.max_contact_n
        while self._load.newest_n() > least_n and not (self.stream.arrived or self._stop):
            self.stream.step(self._state)
            if self.stream.failure:
                return
            yield
        yield from self._brake()

    def _close(self) -> Stage:
        self.phase = 'close'
        self._command_gripper(0.0)
        yield from self._wait(self._grip.settled, self.config.close_timeout_s)
        ending = self._gripper_failure()
        if ending is not None:
            return ending
        self.holding = self._grip.holds(self._state)
        return None if self.holding else Ending('missed', self._between_the_pads())

    def _lift(self) -> Stage:
        self.phase = 'lift'
        ending = yield from self._follow(self.plan.lift)
        if ending is not None:
            return ending
        self.phase = 'verify'
        yield from self._rest()
        self._weight_n = self._load.mean_n()
        self.holding = self._grip.holds(self._state)
        return None if self.holding else Ending('slipped', self._between_the_pads())

    def _carry(self) -> Stage:
        self.phase = 'carry'
        return (yield from self._follow(self.plan.carry))

    def _place(self) -> Stage:
        self.phase = 'place'
        yield from self._rest()
        if self._stop is not None:
            return self._stop  # which lets go of nothing
        self.holding = self._grip.holds(self._state)
        bears_n = self._load.mean_n()
        light = self._weighable and bears_n < self.config.hanging_share * self._weight_n
        if not self.holding or light:
            self.holding = False
            return Ending('dropped', f'lost on the way to the place, {bears_n:.1f} N are left')
        # wide to let go of what has turned in the hand, then back to the opening that it came
        # with: a finger in a hole or a handle would carry the object off
        for width_m in (FULLY_OPEN_M, self.plan.grasp.opening_m):
            self._command_gripper(width_m)
            yield from self._wait(self._grip.settled, self.config.open_s)
        yield from self._rest()
        return (yield from self._let_go())

    def _let_go(self) -> Stage:
        """See to it that the object has left the hand, by the pads and by its weight."""
        for _ in range(self.config.shakes):
            if not self._hangs():
                break
            yield from self._follow(shake(self._state.q, self.config.shake_rad), guard=False)
            yield from self._rest()
        if self._hangs():
            self.holding = False  # the fingers are open: nothing that another plan could carry on
            left_n = self._load.mean_n()
            return Ending('not_placed', f'{left_n:.1f} of {self._weight_n:.1f} N still hang on it')
        self.holding = False
        left = f'{self._weight_n:.1f} N left' if self._weighable else 'both pads let go of it in'
        self.outcome, self.reason = 'success', f'{left} the hand at the place'
        return (yield from self._leave())

    def _leave(self) -> Stage:
        """A failure on the way out does not undo what was placed."""
        ending = yield from self._follow(self.plan.leave)
        if ending is not None:
            self.reason = f'{self.reason}; then {ending.reason}'
            return Ending(self.outcome, self.reason)
        return None

    def _retreat(self) -> Stage:
        self.phase = 'retreat'
        self._command_gripper(FULLY_OPEN_M)
        ending = yield from self._follow(self.plan.retreat)
        if ending is not None:
            self.reason = f'{self.reason}; then {ending.reason}'

    def _after(self, ending: Ending) -> Stage:
        """Go home where that is safe; else rest, and let go of nothing."""
        p, at_s = self.plan, self.stream.path_s
        if self._stop is not None or ending.outcome in ('stale_input', 'obstructed'):
            return
        if ending.outcome == 'actuator_failed' and self.stream.failure:
            return
        stage, self.phase = self.phase, 'retreat'
        if stage == 'reach':
            yield from self._back((p.reach, at_s))
        elif stage in ('approach', 'close'):
            self._command_gripper(p.grasp.opening_m)
            yield from self._wait(self._grip.settled, self.config.open_s)
            yield from self._back((p.approach, at_s), (p.reach, p.reach.duration_s))
        elif stage == 'verify':
            yield from self._home_from_the_lift()
        elif not self.holding and stage == 'carry':
            yield from self._back((p.carry, at_s))
            yield from self._home_from_the_lift()
        elif stage == 'place':
            yield from self._follow(p.leave)
            yield from self._follow(p.retreat)

    def _home_from_the_lift(self) -> Stage:
        self._command_gripper(FULLY_OPEN_M)
        yield from self._follow(self.plan.abort)

    def _back(self, *motions: tuple[JointTrajectory, float]) -> Stage:
        """The way that the arm came, which was free."""
        for trajectory, path_s in motions:
            back, from_s = trajectory.reversed(), trajectory.duration_s - path_s
            if (yield from self._follow(back, from_s, guard=False)) is not None:
                return

    # What stages are made of.

    def _follow(
        self, trajectory: JointTrajectory, from_s: float = 0.0, guard: bool = True
    ) -> Stage:
        """Send a motion and see it to its end, or brake where something is wrong."""
        ending = self._elsewhere(trajectory, from_s)
        if ending is not None:
            return ending
        if not from_s:
            trajectory = trajectory.led_from(self._state.q)
        self.stream = MotionStream(trajectory, self._arm, self._robot, self.config, from_s)
        self._borne_n = self._load.newest_n()
        while True:
            ending = self._stop or self._trouble(guard)
            if ending is not None:
                yield from self._brake()
                return ending
            self.stream.pace = self._verdict.pace * self._gentleness()
            self.stream.step(self._state)
            if self.stream.arrived:
                return None
            yield

    def _elsewhere(self, trajectory: JointTrajectory, from_s: float) -> Ending | None:
        """No motion begins far from where the arm is."""
        gap = np.abs(trajectory.sample(np.array([from_s]))[0][0] - self._state.q)
        if gap.max() <= self.config.path_tolerance_rad:
            return None
        joint = self._robot.arm_joint_names[int(gap.argmax())]
        reason = f'{joint} is {gap.max():.2f} rad from where the motion begins'
        return Ending('actuator_failed', reason)

    def _gentleness(self) -> float:
        """Slower where the hand may touch down: a stiff arm presses harder the faster it is."""
        c, stream = self.config, self.stream
        left_s = stream.trajectory.duration_s - stream.path_s
        return c.touch_down_pace if self.phase == 'approach' and left_s < c.touch_down_s else 1.0

    def _trouble(self, guard: bool) -> Ending | None:
        stream = self.stream
        if stream.failure:
            return Ending('actuator_failed', stream.failure)
        if guard and self._pressed():
            return Ending(
                'collided', f'{self._load.newest_n():.0f} N at the wrist in {self.phase}'
            )
        if self.phase == 'carry' and self._empty_s > LOST_S:
            self.holding = False
            return Ending('dropped', f'lost on the way: {self._between_the_pads()}')
        if self._blocked_s > self._patience_s:
            return Ending(self._verdict.outcome, self._verdict.reason)
        return None

    def _brake(self) -> Generator[None, None, None]:
        """Come to rest on the path; where the arm does not obey, ask its controller to stop."""
        if self.stream.failure:
            self._arm.cancel()
            return
        start_s = self._state.stamp_s
        self.stream.pace = 0.0
        while not self.stream.resting(self._state.stamp_s):
            self.stream.step(self._state)
            if self.stream.failure or self._state.stamp_s - start_s > BRAKING_S:
                self._arm.cancel()
                return
            yield

    def _wait(
        self, over: Callable[[RobotState], bool], longest_s: float
    ) -> Generator[None, None, None]:
        start_s = self._state.stamp_s
        while not self._stop:
            yield
            if over(self._state) or self._state.stamp_s - start_s > longest_s:
                return

    def _rest(self) -> Generator[None, None, None]:
        """Long enough that an average over the last readings is one at rest."""
        yield from self._wait(lambda _: False, self.config.settle_s)

    def _command_gripper(self, width_m: float) -> None:
        self._gripper.send(GripperCommand(width_m, self.plan.grasp.force_n))
        self._grip.told(width_m, self._state)

    def _gripper_failure(self) -> Ending | None:
        report, width_mm = self._gripper.report(), self._state.finger_width_m * 1e3
        if report.state in FAILED:
            reason = f'the gripper {report.state.value} the command: {report.reason}'
            return Ending('actuator_failed', reason)
        if self._grip.ignored(self._state):
            reason = f'the fingers stayed {width_mm:.0f} mm apart when told to move'
            return Ending('actuator_failed', reason)
        return None

    @property
    def _weighable(self) -> bool:
        return self._state.wrench_known and self._weight_n > 2.0 * NOISE_N

    def _hangs(self) -> bool:
        """Whether the hand still bears a part of the weight, or the pads still feel something."""
        share = self.config.hanging_share
        heavy = self._weighable and self._load.mean_n() > max(share * self._weight_n, NOISE_N)
        return heavy or self._grip.felt(self._state)

    def _pressed(self) -> bool:
        """Whether the wrist bears too much, or still more than when the motion began."""
        c, now_n = self.config, self._load.newest_n()
        most_n = c.touch_down_n if self.phase == 'approach' else c.max_contact_n
        self._borne_n = min(self._borne_n, now_n)
        return now_n > max(most_n + self._weight_n, self._borne_n + 0.5 * most_n)

    def _between_the_pads(self) -> str:
        state = self._state
        return (
            f'{state.finger_width_m * 1e3:.1f} mm between the pads, '
            f'{state.finger_force_n.min():.2f} N on the weaker one'
        )
