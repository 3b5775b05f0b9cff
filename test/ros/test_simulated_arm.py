"""The simulated arm behind its topic and its action, driven as a robot's is."""

import numpy as np
import pytest
from rclpy.action import ActionClient
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from sakiyomi.robot.drivers import GoalState
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import JointTrajectory
from sakiyomi_ros.drivers.action_types import FollowJointTrajectory
from sakiyomi_ros.drivers.arm_action import ARM_ACTION, FollowJointTrajectoryDriver
from sakiyomi_ros.drivers.arm_topic import TopicArmDriver
from sakiyomi_ros.drivers.driver_selection import ARM_TOPIC
from sakiyomi_ros.messages.conversions import from_stamp
from sakiyomi_ros.qos import topic_qos

ROBOT = read_robot_config()
EMPTY = ('-p', 'scene:=empty', '-p', 'count:=0')
SWING_RAD, SWING_S = 0.4, 2.0


class SimulatedArm:
    def __init__(self, observer):
        self.observer = observer
        qos = topic_qos('joint_states').requested
        self.joints = observer.collect(JointState, 'joint_states', qos)
        observer.wait_for(lambda: self.joints, 'joint states')
        self.q_first = self.q

    @property
    def q(self):
        position = dict(zip(self.joints[-1].name, self.joints[-1].position, strict=True))
        return np.array([position[name] for name in ROBOT.arm.joints])

    @property
    def now_s(self):
        return from_stamp(self.joints[-1].header.stamp)

    @property
    def turned_rad(self):
        return float(self.q[0] - self.q_first[0])

    def until(self, time_s):
        self.observer.wait_for(lambda: self.now_s >= time_s, f'simulated time {time_s:.2f} s')


def swing(q):
    """A motion of the first joint, at rest at both ends."""
    s = np.linspace(0.0, 1.0, 17)
    path, speed = np.tile(q, (17, 1)), np.zeros((17, 7))
    path[:, 0] += SWING_RAD * (3 * s**2 - 2 * s**3)
    speed[:, 0] = SWING_RAD * (6 * s - 6 * s**2) / SWING_S
    return JointTrajectory(s * SWING_S, path, speed)


@pytest.fixture
def arm(start, observer):
    start('simulation_node.node', *EMPTY)
    return SimulatedArm(observer)


def test_rolling_goals_by_topic_keep_to_one_time_law(arm, observer):
    qos = topic_qos(ARM_TOPIC).offered
    publisher = observer.node.create_publisher(JointTrajectoryMessage, ARM_TOPIC, qos)
    observer.wait_for(publisher.get_subscription_count, 'the simulated controller')
    driver, motion, start_s = TopicArmDriver(publisher, ROBOT.arm.joints), swing(arm.q), arm.now_s
    for k in range(5):
        driver.send(motion, start_s)
        arm.until(start_s + 0.3 * (k + 1))
    arm.until(start_s + SWING_S + 0.2)
    assert arm.turned_rad == pytest.approx(SWING_RAD, abs=0.01)


@pytest.fixture
def driver(arm, observer):
    if FollowJointTrajectory is None:
        pytest.skip('control_msgs is not installed')
    client = ActionClient(observer.node, FollowJointTrajectory, ARM_ACTION)
    driver = FollowJointTrajectoryDriver(client, ROBOT.arm.joints)
    observer.wait_for(driver.ready, 'the simulated action server')
    yield driver
    client.destroy()


def wait_for(observer, driver, state):
    observer.wait_for(lambda: driver.report().state is state, state.value)


def test_rolling_goals_by_action_preempt_and_the_last_one_succeeds(arm, observer, driver):
    motion, start_s = swing(arm.q), arm.now_s
    for k in range(5):
        driver.send(motion, start_s)
        arm.until(start_s + 0.3 * (k + 1))
        assert driver.report().state is GoalState.RUNNING
    wait_for(observer, driver, GoalState.SUCCEEDED)
    assert arm.now_s < start_s + SWING_S + 0.3
    assert arm.turned_rad == pytest.approx(SWING_RAD, abs=0.01)
    assert driver.preempts


def test_a_cancelled_goal_leaves_the_arm_where_it_is(arm, observer, driver):
    start_s = arm.now_s
    driver.send(swing(arm.q), start_s)
    arm.until(start_s + SWING_S / 2)
    assert driver.cancel()
    wait_for(observer, driver, GoalState.CANCELLED)
    arm.until(start_s + SWING_S + 0.5)
    assert 0.1 < arm.turned_rad < 0.35


def test_a_goal_elsewhere_is_refused_in_the_cell_s_own_words(arm, observer, driver):
    driver.send(swing(arm.q + 0.6), arm.now_s)
    wait_for(observer, driver, GoalState.REFUSED)
    assert 'INVALID_GOAL: trajectory start: got 0.60 rad from the arm' in driver.report().reason
