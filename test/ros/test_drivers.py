"""The drivers against a robot's controllers over a real middleware."""

import time
from functools import partial

import numpy as np
import pytest
from rclpy.executors import SingleThreadedExecutor
from stand_in_controller import Limits
from stand_in_node import StandInNode

from sakiyomi.errors import BadInputError
from sakiyomi.parameters import NodeConfig
from sakiyomi.robot.drivers import GoalState
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import GripperCommand, JointTrajectory
from sakiyomi_ros.drivers import action_types
from sakiyomi_ros.drivers.driver_selection import (
    ARM_KINDS,
    ARM_TOPIC,
    GRIPPER_KINDS,
    GRIPPER_TOPIC,
    make_arm_driver,
    make_gripper_driver,
)
from sakiyomi_ros.lifecycle import LifecycleNode

ROBOT = read_robot_config()
PATIENCE_S = 20.0
needs_control_msgs = pytest.mark.skipif(
    action_types.FollowJointTrajectory is None, reason='control_msgs is not installed'
)


class Driving(LifecycleNode):
    """Makes its drivers where a node makes its ends."""

    def __init__(self, arm, gripper, **options):
        super().__init__('driving', NodeConfig(), **options)
        self.kinds = arm, gripper

    def configure(self):
        arm, gripper = self.kinds
        self.arm = make_arm_driver(self, arm, ROBOT.arm.joints)
        self.gripper = make_gripper_driver(
            self, gripper, ROBOT.gripper.finger_joints, ROBOT.gripper.kinematics
        )


class Bench:
    """A robot and a node with drivers, spun by one executor in the test's own thread."""

    def __init__(self, context, serves, arm='topic', gripper='topic'):
        self.executor = SingleThreadedExecutor(context=context)
        self.stand_in = StandInNode(serves, context=context)
        self.robot = self.stand_in.robot
        self.node = Driving(arm, gripper, context=context)
        self.node.start()
        self.arm, self.gripper = self.node.arm, self.node.gripper
        for node in (self.stand_in, self.node):
            self.executor.add_node(node)

    def now_s(self):
        return self.node.now_s()

    def spin(self, duration_s):
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self.executor.spin_once(timeout_sec=0.01)

    def spin_until(self, condition):
        end_s = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < end_s, f'waited {PATIENCE_S} s'
            self.executor.spin_once(timeout_sec=0.01)

    def meet(self):
        """Spin until publishers and subscriptions have met."""
        topics = ARM_TOPIC, GRIPPER_TOPIC
        self.spin_until(lambda: all(self.node.count_subscribers(topic) for topic in topics))
        self.spin(0.2)

    def close(self):
        self.executor.shutdown()
        self.node.trigger_deactivate()
        self.node.trigger_cleanup()
        self.node.destroy_node()
        self.stand_in.close()


@pytest.fixture
def bench(context):
    benches = []

    def make(*serves, **kinds):
        benches.append(Bench(context, serves, **kinds))
        return benches[-1]

    yield make
    for each in benches:
        each.close()


def swing(robot, by=0.4, duration_s=0.8):
    """A motion of the first joint from where the arm is, at rest at both ends."""
    s = np.linspace(0.0, 1.0, 17)
    q, dq = np.tile(robot.arm.q, (17, 1)), np.zeros((17, 7))
    q[:, 0] += by * (3 * s**2 - 2 * s**3)
    dq[:, 0] = by * (6 * s - 6 * s**2) / duration_s
    return JointTrajectory(s * duration_s, q, dq)


@pytest.mark.parametrize(
    ('make', 'kinds'),
    [
        (make_arm_driver, ARM_KINDS),
        (partial(make_gripper_driver, fingers=ROBOT.gripper.kinematics), GRIPPER_KINDS),
    ],
)
def test_an_unknown_kind_is_refused_with_those_that_exist(bench, make, kinds):
    with pytest.raises(BadInputError, match=f"got 'telepathy', expected one of {kinds[0]}"):
        make(bench().node, 'telepathy', ROBOT.arm.joints)


def test_topics_move_the_arm_and_the_fingers(bench):
    b = bench('topics')
    b.meet()
    b.arm.send(swing(b.robot), b.now_s())
    b.gripper.send(GripperCommand(0.02, 20.0))
    assert b.arm.report().state is b.gripper.report().state is GoalState.SENT
    b.spin(1.5)
    assert b.robot.arm.q[0] == pytest.approx(0.4, abs=0.01)
    assert b.robot.gripper.width_m == pytest.approx(0.02, abs=1e-3)


def test_a_topic_that_nobody_hears_is_a_refusal(bench):
    b = bench()
    b.arm.send(swing(b.robot), b.now_s())
    b.gripper.send(GripperCommand(0.02, 20.0))
    assert b.arm.report().state is b.gripper.report().state is GoalState.REFUSED


def test_rolling_goals_with_their_start_move_the_arm_without_a_jump(bench):
    b = bench('topics')
    b.meet()
    motion, start_s = swing(b.robot, duration_s=2.0), b.now_s() + 0.3  # never sent too late
    for _ in range(8):
        b.arm.send(motion, start_s)
        b.spin(0.1)
    b.spin(1.8)
    assert b.robot.arm.q[0] == pytest.approx(0.4, abs=0.01)
    assert b.robot.arm.largest_jump_rad < 0.01


@pytest.mark.parametrize(('kind', 'width_m'), [('topic', 0.08), ('topic_position_only', 0.0)])
def test_a_position_interface_refuses_effort_and_takes_positions(bench, kind, width_m):
    b = bench('topics', gripper=kind)
    b.robot.gripper.faults.position_only = True
    b.meet()
    b.gripper.send(GripperCommand(0.0, 20.0))
    b.spin(1.2)
    assert b.robot.gripper.width_m == pytest.approx(width_m, abs=1e-3)


def without_control_msgs(monkeypatch):
    for name in ('FollowJointTrajectory', 'GripperCommand', 'ParallelGripperCommand'):
        monkeypatch.setattr(action_types, name, None)


@pytest.mark.parametrize(
    ('arm', 'gripper'),
    [
        ('auto', 'auto'),
        ('follow_joint_trajectory', 'gripper_command'),
        ('follow_joint_trajectory', 'parallel_gripper_command'),
    ],
)
def test_without_control_msgs_topics_stand_in_and_say_so(bench, monkeypatch, arm, gripper):
    without_control_msgs(monkeypatch)
    b = bench('topics', arm=arm, gripper=gripper)
    for driver in (b.arm, b.gripper):
        assert not driver.answers
        assert 'control_msgs is not installed' in driver.note
        assert 'controller/joint_trajectory' in driver.note
    b.meet()
    b.gripper.send(GripperCommand(0.02, 20.0))
    b.spin(1.0)
    assert b.robot.gripper.width_m == pytest.approx(0.02, abs=1e-3)


def test_auto_takes_the_topics_where_no_server_answers(bench):
    b = bench('topics', arm='auto', gripper='auto')
    b.meet()
    b.arm.send(swing(b.robot), b.now_s())
    b.gripper.send(GripperCommand(0.02, 20.0))
    assert not b.arm.answers and not b.gripper.answers
    assert 'topic arm_controller/joint_trajectory' in b.arm.note
    b.spin(1.5)
    assert b.robot.arm.q[0] == pytest.approx(0.4, abs=0.01)


@needs_control_msgs
def test_auto_takes_the_actions_where_servers_answer(bench):
    serves = ('topics', 'arm_action', 'parallel_gripper_command')
    b = bench(*serves, arm='auto', gripper='auto')
    b.spin(2.0)
    b.arm.send(swing(b.robot), b.now_s())
    b.gripper.send(GripperCommand(0.02, 20.0))
    assert b.arm.answers and b.gripper.answers
    assert 'action arm_controller/follow_joint_trajectory' in b.arm.note
    assert '(parallel_gripper_command)' in b.gripper.note
    b.spin_until(lambda: b.arm.report().state is GoalState.SUCCEEDED)
    b.spin_until(lambda: b.gripper.report().state is GoalState.SUCCEEDED)
    assert b.robot.gripper.width_m == pytest.approx(0.02, abs=1e-3)


@pytest.fixture
def arm_action(bench):
    """The bench of an arm behind its action, and the driver once it has met the server."""
    b = bench('arm_action', arm='follow_joint_trajectory')
    b.spin_until(b.arm.ready)
    return b, b.arm


@needs_control_msgs
def test_a_goal_runs_and_succeeds_when_the_arm_has_arrived(arm_action):
    b, driver = arm_action
    driver.send(swing(b.robot, duration_s=2.0), b.now_s())
    assert driver.report().state is GoalState.SENT
    b.spin_until(lambda: driver.report().state is GoalState.RUNNING)
    assert b.robot.arm.q[0] < 0.3
    b.spin_until(lambda: driver.report().state is GoalState.SUCCEEDED)
    assert b.robot.arm.q[0] == pytest.approx(0.4, abs=0.01)


@needs_control_msgs
def test_rolling_goals_preempt_each_other_and_the_last_one_succeeds(arm_action):
    b, driver = arm_action
    motion, start_s = swing(b.robot, duration_s=2.0), b.now_s() + 0.3  # never sent too late
    for _ in range(8):
        driver.send(motion, start_s)
        b.spin(0.1)
    assert driver.report().state is GoalState.RUNNING
    b.spin_until(lambda: driver.report().state is GoalState.SUCCEEDED)
    assert driver.preempts
    assert b.robot.arm.largest_jump_rad < 0.01


@needs_control_msgs
def test_cancelling_stops_the_arm_where_it_is(arm_action):
    b, driver = arm_action
    driver.send(swing(b.robot, duration_s=2.0), b.now_s())
    b.spin(1.0)
    assert driver.cancel()
    b.spin_until(lambda: driver.report().state is GoalState.CANCELLED)
    q = b.robot.arm.q.copy()
    b.spin(0.5)
    np.testing.assert_allclose(b.robot.arm.q, q, atol=1e-3)
    assert 0.1 < q[0] < 0.35


@needs_control_msgs
def test_a_goal_that_starts_elsewhere_is_refused(arm_action):
    b, driver = arm_action
    elsewhere = swing(b.robot)
    driver.send(JointTrajectory(elsewhere.times_s, elsewhere.q + 0.5, elsewhere.dq), b.now_s())
    b.spin_until(lambda: driver.report().state is GoalState.REFUSED)
    assert 'did not accept the goal' in driver.report().reason
    assert driver.preempts


@needs_control_msgs
def test_a_controller_of_one_goal_ends_preemption(arm_action):
    b, driver = arm_action
    b.robot.arm.limits = Limits(while_running=False)
    motion, start_s = swing(b.robot), b.now_s()
    driver.send(motion, start_s)
    b.spin_until(lambda: driver.report().state is GoalState.RUNNING)
    driver.send(motion, start_s)
    b.spin_until(lambda: driver.report().state is GoalState.REFUSED)
    assert not driver.preempts
    b.spin(1.0)
    driver.send(swing(b.robot, by=-0.4), b.now_s())
    b.spin_until(lambda: driver.report().state is GoalState.SUCCEEDED)


@needs_control_msgs
def test_a_blocked_arm_aborts_with_the_tolerance_that_was_violated(arm_action):
    b, driver = arm_action
    driver.send(swing(b.robot), b.now_s())
    b.spin(0.1)
    b.robot.arm.faults.blocked = True
    b.spin_until(lambda: driver.report().state is GoalState.ABORTED)
    assert 'PATH_TOLERANCE_VIOLATED: joint 1 is 0.2' in driver.report().reason


@needs_control_msgs
def test_an_arm_whose_server_ends_aborts(arm_action):
    b, driver = arm_action
    driver.send(swing(b.robot, duration_s=5.0), b.now_s())
    b.spin_until(lambda: driver.report().state is GoalState.RUNNING)
    b.stand_in.end_servers()
    b.spin_until(lambda: driver.report().state is GoalState.ABORTED)
    assert driver.report().reason.endswith('the action server is gone')
    driver.send(swing(b.robot), b.now_s())
    assert driver.report().reason.endswith('no action server answers')


@needs_control_msgs
@pytest.mark.parametrize('kind', ['gripper_command', 'parallel_gripper_command'])
def test_fingers_arrive_stall_and_open_by_either_action(bench, kind):
    b = bench(kind, gripper=kind)
    driver = b.gripper
    b.spin_until(lambda: driver.server_is_ready)
    b.robot.gripper.object_width_m = 0.03
    for width_m, ends_at_m in ((0.0, 0.03), (0.08, 0.08)):
        driver.send(GripperCommand(width_m, 20.0))
        b.spin_until(lambda: driver.report().state is GoalState.RUNNING)
        b.spin_until(lambda: driver.report().state is GoalState.SUCCEEDED)
        assert b.robot.gripper.width_m == pytest.approx(ends_at_m, abs=1e-3)
