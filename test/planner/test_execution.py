"""The phases of a pick, stepped with a hand and an arm of closed form."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from grasp_scenes import GOOD

from planner_node.config import ExecutionConfig
from planner_node.execution import PickExecution, PickPlan
from planner_node.grasping.grasp import Grasp
from sakiyomi.scene import GripperCommand, JointTrajectory, RobotState


def motion(start, goal, duration_s=1.0):
    q = np.array([np.full(7, start), np.full(7, goal)])
    return JointTrajectory(np.array([0.0, duration_s]), q, np.zeros_like(q))


PLAN = PickPlan(
    grasp=Grasp(1, np.eye(4), 0.07, GOOD, 20.0, 0.9),
    reach=motion(0.0, 0.1),
    approach=motion(0.1, 0.2),
    lift=motion(0.2, 0.3),
    carry=motion(0.3, 0.6),
    leave=motion(0.6, 0.5),
    retreat=motion(0.5, 0.0),
    abort=motion(0.3, 0.0),
    plan_s=0.5,
)


@dataclass
class ClosedFormRobot:
    """Fingers that close at 0.1 m/s until the object stops them; an arm that jumps to the goal."""

    object_width_m: float = 0.04
    lost_after_s: float = np.inf
    wrist_n: float = 0.0
    blocked: bool = False
    time_s: float = 0.0
    width_m: float = 0.08
    target_m: float = 0.08
    q: np.ndarray = field(default_factory=lambda: np.zeros(7))

    def send(self, command):
        if isinstance(command, GripperCommand):
            self.target_m = command.width_m
        elif not self.blocked:
            self.q = command.q[-1]

    def step(self, dt=0.02):
        self.time_s += dt
        step_m = np.clip(self.target_m - self.width_m, -0.1 * dt, 0.1 * dt)
        self.width_m = max(self.width_m + step_m, self._object_width_m)

    @property
    def _object_width_m(self):
        return self.object_width_m if self.time_s < self.lost_after_s else 0.0

    @property
    def state(self):
        pressed = self.target_m < self._object_width_m and self.width_m <= self._object_width_m
        force = np.full(2, 20.0 if pressed and self._object_width_m else 0.0)
        wrench = np.array([0, 0, self.wrist_n, 0, 0, 0])
        return RobotState(self.time_s, self.q, np.zeros(7), self.width_m, force, wrench)


def carry_out(robot, limit_s=60.0):
    execution, phases = PickExecution(PLAN, ExecutionConfig()), []
    while not execution.done and robot.time_s < limit_s:
        for command in execution.step(robot.state):
            robot.send(command)
        if not phases or phases[-1] != execution.phase:
            phases.append(execution.phase)
        robot.step()
    return execution, phases


def test_a_held_object_goes_through_every_phase_to_success():
    execution, phases = carry_out(ClosedFormRobot())
    assert execution.outcome == 'success'
    assert phases == ['approach', 'close', 'lift', 'verify', 'carry', 'place', 'retreat']


def test_fingers_that_close_on_nothing_have_missed():
    execution, phases = carry_out(ClosedFormRobot(object_width_m=0.0))
    assert execution.outcome == 'missed'
    assert 'carry' not in phases


def test_an_object_lost_while_carrying_is_dropped():
    robot = ClosedFormRobot()
    robot.lost_after_s = 4.8  # reach, approach, close and lift are over by then
    execution, phases = carry_out(robot)
    assert execution.outcome == 'dropped'
    assert phases[-1] == 'retreat'


def test_a_wrist_that_feels_contact_ends_the_approach():
    execution, phases = carry_out(ClosedFormRobot(wrist_n=100.0, blocked=True))
    assert execution.outcome == 'collided'
    assert 'close' not in phases


def test_resistance_at_the_very_end_of_the_approach_does_not_keep_it_from_closing():
    robot = ClosedFormRobot()
    execution = PickExecution(PLAN, ExecutionConfig())
    while execution.phase == 'approach':
        for command in execution.step(robot.state):
            robot.send(command)
        arrived = np.allclose(robot.q, PLAN.approach.q[-1])
        robot.wrist_n = 100.0 if arrived else 0.0
        robot.step()
    assert execution.phase == 'close'


@pytest.mark.parametrize('robot', [ClosedFormRobot(), ClosedFormRobot(object_width_m=0.0)])
def test_every_ending_leaves_the_arm_home_and_the_hand_open(robot):
    carry_out(robot)
    np.testing.assert_allclose(robot.q, 0.0)
    assert robot.target_m == 0.08


def test_stop_holds_the_arm_where_it_is():
    robot = ClosedFormRobot()
    execution = PickExecution(PLAN, ExecutionConfig())
    execution.step(robot.state)
    (hold,) = execution.stop()
    np.testing.assert_array_equal(hold.q[-1], robot.q)
    assert execution.done
    assert execution.step(robot.state) == []
