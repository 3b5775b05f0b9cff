"""The stand-in robot refuses, follows and fails as the controllers of real arms do."""

import numpy as np
import pytest
from stand_in_controller import StandInArm
from stand_in_robot import (
    Q_HOME,
    StandInArmDriver,
    StandInGripperDriver,
    StandInRobot,
    arm_with,
)

from sakiyomi.robot.drivers import GoalState
from sakiyomi.scene import GripperCommand, JointTrajectory


def swing(by=0.5, duration_s=1.0, start=Q_HOME, points=21):
    """A motion of the first joint, at rest at both ends."""
    t = np.linspace(0.0, duration_s, points)
    s = t / duration_s
    q, dq = np.tile(start, (points, 1)), np.zeros((points, 7))
    q[:, 0] += by * (3 * s**2 - 2 * s**3)
    dq[:, 0] = by * (6 * s - 6 * s**2) / duration_s
    return JointTrajectory(t, q, dq)


def run(arm, duration_s):
    for _ in range(round(duration_s / 0.01)):
        arm.step(0.01)


@pytest.fixture
def arm():
    return StandInArm(Q_HOME)


def test_the_arm_follows_with_a_small_lag_and_arrives(arm):
    arm.command(swing(), arm.now_s)
    run(arm, 0.5)
    assert 0.2 < arm.q[0] < 0.25
    run(arm, 0.7)
    assert arm.report.state is GoalState.SUCCEEDED
    assert arm.q[0] == pytest.approx(0.5, abs=0.001)
    assert arm.largest_speed_radps < 0.8


def test_a_goal_that_is_sent_again_with_its_start_makes_no_jump(arm):
    start_s = arm.now_s
    arm.command(swing(), start_s)
    run(arm, 0.6)
    arm.command(swing(), start_s)
    run(arm, 0.6)
    assert arm.largest_jump_rad < 0.005
    assert arm.report.state is GoalState.SUCCEEDED


def test_a_goal_that_is_sent_again_without_its_start_is_refused(arm):
    arm.command(swing(by=1.0), 0.0)
    run(arm, 0.7)
    arm.command(swing(by=1.0), 0.0)
    assert arm.report.state is GoalState.REFUSED
    assert 'joint 1 starts 0.7' in arm.report.reason
    run(arm, 0.5)
    assert arm.q[0] == pytest.approx(1.0, abs=0.01)  # the goal that runs is not disturbed


def in_motion_at_the_end():
    whole = swing()
    return JointTrajectory(whole.times_s[:10], whole.q[:10], whole.dq[:10])


def backwards_in_time():
    whole = swing()
    return JointTrajectory(whole.times_s[::-1], whole.q, whole.dq)


def of_six_joints():
    whole = swing()
    return JointTrajectory(whole.times_s, whole.q[:, :6], whole.dq[:, :6])


@pytest.mark.parametrize(
    ('trajectory', 'start_s', 'says'),
    [
        (swing(start=Q_HOME + 0.5), 0.0, 'starts 0.500 rad from the arm'),
        (in_motion_at_the_end(), 0.0, 'velocity of last trajectory point'),
        (backwards_in_time(), 0.0, 'not strictly increasing'),
        (of_six_joints(), 0.0, 'INVALID_JOINTS'),
        (JointTrajectory(np.zeros(0), np.zeros((0, 7)), np.zeros((0, 7))), 0.0, 'Empty'),
        (swing(), 98.0, 'OLD_HEADER_TIMESTAMP: ends 1.00 s ago'),
    ],
)
def test_what_no_controller_takes_is_refused_by_its_reason(arm, trajectory, start_s, says):
    arm.command(trajectory, start_s)
    assert arm.report.state is GoalState.REFUSED
    assert says in arm.report.reason
    run(arm, 0.2)
    np.testing.assert_array_equal(arm.q, Q_HOME)


def test_a_controller_of_one_goal_refuses_the_second_and_the_driver_notices():
    arm = arm_with(while_running=False)
    driver = StandInArmDriver(arm)
    driver.send(swing(), arm.now_s)
    assert driver.preempts
    driver.send(swing(), arm.now_s)
    assert driver.report().state is GoalState.REFUSED
    assert not driver.preempts


def test_the_speed_slider_stretches_time(arm):
    arm.faults.speed = 0.5
    arm.command(swing(), arm.now_s)
    run(arm, 1.2)
    assert arm.report.state is GoalState.RUNNING
    run(arm, 1.0)
    assert arm.report.state is GoalState.SUCCEEDED


def test_a_blocked_arm_violates_the_path_tolerance_and_is_held(arm):
    arm.command(swing(), arm.now_s)
    run(arm, 0.3)
    arm.faults.blocked = True
    run(arm, 0.5)
    assert arm.report.state is GoalState.ABORTED
    assert arm.report.reason.startswith('PATH_TOLERANCE_VIOLATED: joint 1 is 0.20')
    q = arm.q.copy()
    arm.faults.blocked = False
    run(arm, 0.5)
    np.testing.assert_allclose(arm.q, q)


def test_an_arm_that_does_not_arrive_violates_the_goal_tolerance():
    arm = arm_with(path_rad=2.0)
    arm.faults.blocked = True
    arm.command(swing(), arm.now_s)
    run(arm, 1.6)
    assert arm.report.reason.startswith('GOAL_TOLERANCE_VIOLATED: joint 1 is 0.500 rad')


def test_the_emergency_stop_brakes_the_arm_and_refuses_goals(arm):
    arm.command(swing(), arm.now_s)
    run(arm, 0.5)
    arm.faults.stopped = True
    run(arm, 0.3)
    assert arm.report.state is GoalState.ABORTED
    assert np.abs(arm.dq).max() == 0.0
    arm.command(swing(start=arm.q), arm.now_s)
    assert 'emergency stop' in arm.report.reason


def test_a_cancelled_goal_ends_where_the_arm_is(arm):
    driver = StandInArmDriver(arm)
    driver.send(swing(), arm.now_s)
    run(arm, 0.5)
    q = arm.q.copy()
    assert driver.cancel()
    run(arm, 0.5)
    assert driver.report().state is GoalState.CANCELLED
    np.testing.assert_allclose(arm.q, q)


def test_a_topic_that_nobody_hears_moves_nothing_and_says_nothing(arm):
    arm.faults.deaf = True
    topic, action = StandInArmDriver(arm, answers=False), StandInArmDriver(arm)
    for driver in (topic, action):
        driver.send(swing(), arm.now_s)
        assert not driver.cancel()
    run(arm, 0.5)
    np.testing.assert_array_equal(arm.q, Q_HOME)
    assert topic.report().state is GoalState.SENT
    assert action.report().state is GoalState.REFUSED


def test_states_come_at_100_hz_until_they_fall_silent():
    robot, stamps = StandInRobot(), set()  # the first one is there before the first step
    for _ in range(200):
        robot.step(0.005)
        stamps.add(robot.state().stamp_s)
    assert len(stamps) == 101
    robot.faults.silent = True
    robot.arm.command(swing(), robot.now_s)
    before = robot.state()
    robot.step(0.5)
    assert robot.state() is before
    assert robot.arm.q[0] > 0.2


def test_stamps_jump_and_the_clock_does_not():
    robot = StandInRobot()
    robot.faults.stamp_jump_s = 5.0
    robot.step(0.01)
    assert robot.state().stamp_s == pytest.approx(robot.now_s + 5.0)


@pytest.mark.parametrize('object_width_m', [0.0, 0.04])
def test_fingers_arrive_or_stall_on_the_object(object_width_m):
    robot = StandInRobot()
    robot.gripper.object_width_m = object_width_m
    driver = StandInGripperDriver(robot.gripper)
    driver.send(GripperCommand(0.0, 20.0))
    robot.step(1.0)
    assert robot.state().finger_width_m == pytest.approx(object_width_m)
    assert robot.gripper.stalled == bool(object_width_m)
    assert driver.report().state is GoalState.SUCCEEDED
    driver.send(GripperCommand(0.08, 20.0))
    robot.step(1.0)
    assert robot.state().finger_width_m == pytest.approx(0.08)
    assert not robot.gripper.stalled


def test_a_position_interface_refuses_effort_and_takes_positions():
    robot = StandInRobot()
    robot.gripper.faults.position_only = True
    StandInGripperDriver(robot.gripper).send(GripperCommand(0.0, 20.0))
    robot.step(1.0)
    assert robot.gripper.report.state is GoalState.REFUSED
    assert robot.gripper.width_m == 0.08
    StandInGripperDriver(robot.gripper, with_effort=False).send(GripperCommand(0.0, 20.0))
    robot.step(1.0)
    assert robot.gripper.width_m == pytest.approx(0.0)
