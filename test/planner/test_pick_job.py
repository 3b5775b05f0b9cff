"""A pick from request to outcome by a robot of closed form: late, lost and lying inputs."""

from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import pytest
from pick_plans import ROBOT, STEP_S, plan
from stand_in_robot import StandInArmDriver, StandInGripperDriver, StandInRobot

from planner_node.config import PlannerConfig
from planner_node.errors import PlanError
from planner_node.pick_job import PickJob, RobotDrivers
from sakiyomi.pick_request import PickRequest
from sakiyomi.scene import Gaussian, HiddenProperties, ObjectState, Scene

SCENE_PERIOD_S = 0.1
ON_THE_TABLE, IN_THE_BIN = np.array([0.5, 0.0, 0.03]), np.array([0.15, 0.52, 0.03])


def object_at(place_m, stamp_s, visible=True):
    one = Gaussian(0.3, 0.01)
    T = np.eye(4)
    T[:3, 3] = place_m
    return ObjectState(
        id=1,
        stamp_s=stamp_s,
        T_world_object=T,
        pose_covariance=np.eye(6) * 1e-6,
        twist=np.zeros(6),
        twist_covariance=np.eye(6) * 1e-6,
        points_m=np.zeros((4, 3), np.float32),
        colors=np.zeros((4, 3), np.uint8),
        properties=HiddenProperties(one, one, one, np.zeros(3), np.eye(3)),
        visible=visible,
    )


class OnePlan:
    """Stands for the planner: the plan is known."""

    robot = ROBOT
    motion = None

    def __init__(self):
        self.plans = 0
        self.raises = None

    def plan(self, scene, state, request):
        self.plans += 1
        if self.raises:
            raise self.raises
        return replace(plan(), target=scene.object_by_id(1))

    def is_misplaced(self, seen, request):
        return seen.T_world_object[1, 3] < 0.3


class AtOnce:
    """A worker whose work is done when it is given."""

    def submit(self, work, *args):
        future = Future()
        try:
            future.set_result(work(*args))
        except PlanError as error:
            future.set_exception(error)
        return future


class NothingInTheWay:
    def time_to_collision_s(self, *_):
        return None


class Cell:
    """Robot, scenes at 10 Hz and a pick, all in one clock."""

    def __init__(self, config=None, robot=None):
        self.robot = robot or StandInRobot()
        self.robot.gripper.object_width_m = 0.04
        self.planner = OnePlan()
        ports = RobotDrivers(
            StandInArmDriver(self.robot.arm), StandInGripperDriver(self.robot.gripper)
        )
        config = config or PlannerConfig()
        self.job = PickJob(self.planner, config, PickRequest(), AtOnce(), ports)
        self.job._sweep = NothingInTheWay()
        self.place_m = ON_THE_TABLE
        self.scene = None
        self.scenes_come = True
        self.stale = ()
        self.phases = []

    def run(self, duration_s=60.0, until=lambda cell: False):
        end_s = self.robot.now_s + duration_s
        while self.robot.now_s < end_s and not self.job.done and not until(self):
            self.step()
        return self.job

    def step(self):
        before = self.robot.state()
        self.robot.step(STEP_S)
        now_s = self.robot.now_s
        if self.scenes_come and (
            self.scene is None or now_s - self.scene.stamp_s >= SCENE_PERIOD_S
        ):
            seen = object_at(self.place_m, now_s)
            cloud = np.zeros((0, 3), np.float32)
            self.scene = Scene(now_s, (seen,), cloud, stale=self.stale)
        if self.robot.state() is not before:
            self.job.step(now_s, self.robot.state(), lambda: self.scene)
        self.job.supervise(now_s)
        if not self.phases or self.phases[-1] != self.job.phase:
            self.phases.append(self.job.phase)
            if self.job.phase == 'place':
                self.place_m = IN_THE_BIN

    def coast(self, duration_s):
        for _ in range(round(duration_s / STEP_S)):
            self.step()

    @property
    def speed_radps(self):
        return float(np.abs(self.robot.arm.dq).max())


def moving(phase, speed_radps=0.2):
    return lambda cell: cell.job.phase == phase and cell.speed_radps > speed_radps


def test_a_pick_that_nothing_disturbs_is_looked_at_and_succeeds():
    cell = Cell()
    assert cell.run().outcome == 'success'
    assert cell.phases[0] == 'plan' and cell.phases[-1] == 'look'


def test_what_is_seen_on_the_table_afterwards_was_not_placed():
    cell = Cell()
    cell.run(until=lambda c: c.job.phase == 'retreat')
    cell.place_m = ON_THE_TABLE
    job = cell.run()
    assert (job.outcome, job.reason) == ('dropped', 'seen at (0.50, 0.00, 0.03) m afterwards')


@pytest.mark.parametrize('phase', ['reach', 'approach', 'lift', 'carry', 'retreat'])
def test_joint_states_that_fall_silent_end_all_commands_and_the_arm_comes_to_rest(phase):
    cell = Cell()
    cell.run(until=moving(phase, 0.1))
    cell.robot.faults.silent = True
    sent = len(cell.robot.arm.sent)
    cell.coast(0.7)
    assert cell.speed_radps < 1e-3
    job = cell.run()
    assert len(cell.robot.arm.sent) == sent
    assert job.outcome == 'stale_input'
    assert 'the joint states fell silent for 2.0 s' in job.reason


def test_joint_states_that_come_back_in_time_let_the_motion_go_on_without_a_jump():
    cell = Cell()
    cell.run(until=moving('carry'))
    cell.robot.faults.silent = True
    cell.coast(1.0)
    cell.robot.faults.silent = False
    assert cell.run().outcome == 'success'
    assert cell.robot.arm.largest_jump_rad < 0.03


@pytest.mark.parametrize('jump_s', [5.0, -5.0, 0.5])
def test_stamps_that_jump_end_the_pick_and_nothing_more_is_sent(jump_s):
    cell = Cell()
    cell.run(until=moving('reach'))
    cell.robot.faults.stamp_jump_s = jump_s
    sent = len(cell.robot.arm.sent)
    job = cell.run()
    assert (job.outcome, len(cell.robot.arm.sent)) == ('stale_input', sent)
    assert f'jumped by {jump_s:+.2f} s' in job.reason
    cell.coast(1.0)
    assert cell.speed_radps < 1e-3
    assert cell.robot.arm.largest_speed_radps < 3.0


@pytest.mark.parametrize('phase', ['reach', 'approach', 'carry'])
def test_a_world_model_that_dies_stops_the_arm_and_ends_the_pick(phase):
    cell = Cell()
    cell.run(until=moving(phase, 0.1))
    cell.scenes_come = False
    cell.coast(0.9)
    assert cell.speed_radps < 1e-3
    job = cell.run()
    assert job.outcome == 'stale_input'
    assert 'the world model has been silent for' in job.reason


def test_a_world_model_that_comes_back_lets_the_motion_go_on():
    cell = Cell()
    cell.run(until=moving('reach'))
    cell.scenes_come = False
    cell.coast(2.0)
    cell.scenes_come = True
    assert cell.run().outcome == 'success'


def test_a_scene_that_is_late_is_waited_for():
    cell = Cell()
    cell.scenes_come = False
    cell.coast(5.0)
    assert not cell.job.done
    cell.scenes_come = True
    assert cell.run().outcome == 'success'


def test_a_scene_that_cannot_be_used_is_waited_out_and_then_named():
    cell = Cell(PlannerConfig(scene_timeout_s=3.0))
    cell.stale = ('joints',)
    cell.coast(2.0)
    assert not cell.job.done
    job = cell.run()
    assert job.outcome == 'stale_input'
    assert job.reason.startswith('the world model has no fresh joint states within 3')


def test_an_object_that_moves_before_the_hand_is_there_is_planned_for_anew():
    cell = Cell()
    cell.run(until=moving('reach'))
    cell.place_m = np.add(ON_THE_TABLE, [0.05, 0.0, 0.0])
    assert cell.run().outcome == 'success'
    assert cell.planner.plans == 2


def test_without_a_plan_nothing_is_sent():
    cell = Cell()
    cell.planner.raises = PlanError('no_grasp', 'none')
    job = cell.run()
    assert (job.outcome, job.reason, cell.robot.arm.sent) == ('no_grasp', 'none', [])


def test_a_plan_of_fixed_duration_is_carried_out_when_its_time_has_come():
    cell = Cell(PlannerConfig(fixed_planning_s=1.5))
    cell.run(until=lambda c: c.planner.plans == 1)
    planned_s = cell.robot.now_s
    cell.run(until=lambda c: c.robot.arm.sent)
    assert cell.robot.now_s - planned_s == pytest.approx(1.5, abs=0.05)


def test_a_cancelled_goal_brakes_at_once():
    cell = Cell()
    cell.run(until=moving('carry', 0.3))
    cell.job.stop('stopped', 'cancelled by the client')
    start_s = cell.robot.now_s
    job = cell.run()
    assert (job.outcome, job.reason) == ('stopped', 'cancelled by the client')
    assert cell.robot.now_s - start_s < 0.4
    assert max(s for _, s in cell.robot.arm.sent) - start_s < 0.05


def test_a_silent_arm_is_not_made_fresh_by_fingers_that_go_on_speaking():
    from planner_node.robot_input import RobotInput
    from sakiyomi.sensing import JointReading

    inputs = RobotInput(ROBOT)
    arm, fingers = ROBOT.arm_joint_names, ROBOT.finger_joint_names
    inputs.add_joints(JointReading(1.0, arm, np.zeros(7), np.zeros(7)))
    inputs.add_joints(JointReading(1.0, fingers, np.zeros(2), np.zeros(2)))
    inputs.add_joints(JointReading(2.0, fingers, np.zeros(2), np.zeros(2)))
    assert inputs.state().stamp_s == 1.0
    assert replace(inputs.state(), stamp_s=0.0).q.shape == (7,)
