"""Carry out a planned pick phase by phase, watching touch, width and force.

The state machine is free of middleware and clocks: whoever steps it, a ROS timer or a benchmark
loop, hands in the robot's state and sends on the commands that come back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from planner_node.config import ExecutionConfig
from planner_node.grasping.grasp import Grasp
from sakiyomi.scene import GripperCommand, JointTrajectory, RobotState

Command = JointTrajectory | GripperCommand

FULLY_OPEN_M = 0.08
PHASES = ('approach', 'close', 'lift', 'verify', 'carry', 'place', 'retreat')


@dataclass(frozen=True)
class PickPlan:
    """Everything decided before the arm moves."""

    grasp: Grasp
    reach: JointTrajectory  # to the pre-grasp pose
    approach: JointTrajectory  # straight to the grasp
    lift: JointTrajectory  # straight up
    carry: JointTrajectory  # to above the place
    leave: JointTrajectory  # backwards out of the place
    retreat: JointTrajectory  # home from there
    abort: JointTrajectory  # home from the lift, when nothing is held
    plan_s: float


def holds(state: RobotState, config: ExecutionConfig) -> bool:
    """Whether something keeps the driven fingers apart, or both pads feel it.

    Either is enough: a thin sheet leaves no width, and an odd shape may press on the finger
    beside the taxels.
    """
    apart = state.finger_width_m > config.min_held_width_m
    return bool(apart or np.all(state.finger_force_n > config.touch_n))


class PickExecution:
    """One pick under way.

    Attributes:
        phase: one of PHASES.
        done: nothing more will be commanded.
        outcome: one of the Pick action's outcomes in lower case, '' until it is known.
        reason: one line.
    """

    def __init__(self, plan: PickPlan, config: ExecutionConfig):
        self.plan = plan
        self.config = config
        self.phase = 'approach'
        self.done = False
        self.outcome = ''
        self.reason = ''
        self._state: RobotState | None = None
        self._steps = self._script()
        self._wait: Callable[[RobotState], bool] | None = None
        self._width_rate = _Rate()
        self._grasped = False

    def step(self, state: RobotState) -> list[Command]:
        """Advance with the newest state; the commands to send now, often none."""
        if self.done:
            return []
        self._state = state
        self._width_rate.add(state.stamp_s, state.finger_width_m)
        if self._wait is not None and not self._wait(state):
            return []
        try:
            commands, self._wait = next(self._steps)
        except StopIteration:
            self.done = True
            return []
        return commands

    def stop(self) -> list[Command]:
        """Give up at once and hold still where the arm is."""
        self.done = True
        self.outcome, self.reason = 'stopped', 'stopped on request'
        return [self._hold()] if self._state is not None else []

    def _script(self):
        """The phases in order: each yields commands and what to wait for before going on."""
        p, c = self.plan, self.config
        opening = GripperCommand(p.grasp.opening_m, p.grasp.force_n)
        yield self._follow(p.reach, opening)
        yield self._follow(p.approach, guard=True)
        if self._pressed() and self._share_left(p.approach) < c.near_enough:
            yield [self._hold()], None  # it stands on something, but the object is in reach
        elif self._pressed():
            self._end('collided', f'wrist force above {c.max_contact_n:g} N in the approach')
            yield self._follow(p.approach.reversed())
            yield from self._go_home(p.reach.reversed())
            return
        self.phase = 'close'
        yield [GripperCommand(0.0, p.grasp.force_n)], self._closed()
        self._grasped = self._holds()
        self.phase = 'lift'
        yield self._follow(p.lift)
        self.phase = 'verify'
        yield [], self._after(c.settle_s)
        if not self._holds():
            self._end(
                'slipped' if self._grasped else 'missed',
                f'{self._state.finger_width_m * 1e3:.1f} mm between the pads, '
                f'{self._state.finger_force_n.min():.2f} N on the weaker one after the lift',
            )
            yield [opening], self._after(c.open_s)
            yield from self._go_home(p.abort)
            return
        self.phase = 'carry'
        yield self._follow(p.carry)
        held = self._holds()
        self.phase = 'place'
        # wide to let go of what has turned in the hand, then back to the opening that it came
        # with: a finger in a hole or a handle would carry the object off
        yield [GripperCommand(FULLY_OPEN_M, p.grasp.force_n)], self._after(c.open_s)
        yield [opening], self._after(c.open_s)
        yield self._follow(p.leave)
        if held:
            self._end('success', 'held until it was placed')
        else:
            self._end('dropped', 'lost on the way to the place')
        yield from self._go_home(p.retreat)

    def _go_home(self, trajectory: JointTrajectory):
        self.phase = 'retreat'
        yield self._follow(trajectory, GripperCommand(FULLY_OPEN_M, self.plan.grasp.force_n))

    def _end(self, outcome: str, reason: str) -> None:
        self.outcome, self.reason = outcome, reason

    def _follow(self, trajectory: JointTrajectory, *also: Command, guard: bool = False):
        """Send a trajectory and wait for its end (or, guarded, for the wrist to feel contact)."""
        over = self._after(trajectory.duration_s + self.config.settle_s)
        if not guard:
            return [trajectory, *also], over
        return [trajectory, *also], lambda state: over(state) or self._pressed()

    def _after(self, duration_s: float) -> Callable[[RobotState], bool]:
        start_s = self._state.stamp_s
        return lambda state: state.stamp_s - start_s >= duration_s

    def _closed(self) -> Callable[[RobotState], bool]:
        """The fingers have come to a stop, on an object or on each other, or time is up."""
        start_s, c = self._state.stamp_s, self.config

        def closed(state: RobotState) -> bool:
            elapsed = state.stamp_s - start_s
            still = abs(self._width_rate.value) < c.still_mps
            return elapsed > c.close_timeout_s or (elapsed > 0.25 and still)

        return closed

    def _holds(self) -> bool:
        return holds(self._state, self.config)

    def _hold(self) -> JointTrajectory:
        q = self._state.q[None]
        return JointTrajectory(np.zeros(1), q, np.zeros_like(q))

    def _share_left(self, trajectory: JointTrajectory) -> float:
        """How much of a motion is still ahead, by joint distance, in [0, 1] and beyond."""
        whole = np.abs(trajectory.q[-1] - trajectory.q[0]).max()
        return float(np.abs(trajectory.q[-1] - self._state.q).max() / max(whole, 1e-9))

    def _pressed(self) -> bool:
        return bool(np.linalg.norm(self._state.wrench[:3]) > self.config.max_contact_n)


class _Rate:
    """The slope of a signal over its last 0.1 s."""

    def __init__(self):
        self._samples: list[tuple[float, float]] = []

    def add(self, stamp_s: float, value: float) -> None:
        self._samples = [s for s in self._samples if stamp_s - s[0] <= 0.1][-50:]
        self._samples.append((stamp_s, value))

    @property
    def value(self) -> float:
        (t0, v0), (t1, v1) = self._samples[0], self._samples[-1]
        return (v1 - v0) / (t1 - t0) if t1 > t0 else 0.0
