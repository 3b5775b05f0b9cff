import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import GripperCommand, JointTrajectory
from sakiyomi_ros.messages.trajectories import (
    from_arm_message,
    from_gripper_message,
    is_stop,
    start_of,
    to_arm_message,
    to_gripper_message,
)

ROBOT = read_robot_config()
ARM, FINGERS, MAP = ROBOT.arm.joints, ROBOT.gripper.finger_joints, ROBOT.gripper.kinematics
RNG = np.random.default_rng(0)
TRAJECTORY = JointTrajectory(np.array([0.0, 0.5, 1.25]), RNG.normal(size=(3, 7)), np.zeros((3, 7)))


def test_a_trajectory_survives_the_round_trip_in_any_joint_order():
    message = to_arm_message(TRAJECTORY, ARM)
    read = from_arm_message(message, ARM[::-1])
    np.testing.assert_allclose(read.times_s, TRAJECTORY.times_s)
    np.testing.assert_array_equal(read.q, TRAJECTORY.q[:, ::-1])


def test_the_start_of_a_trajectory_survives_the_round_trip():
    assert start_of(to_arm_message(TRAJECTORY, ARM, 12.345678901)) == pytest.approx(
        12.345678901, abs=1e-9
    )


def test_a_zero_stamp_starts_a_trajectory_on_arrival():
    assert start_of(to_arm_message(TRAJECTORY, ARM)) is None


def test_positions_alone_go_to_a_gripper_that_refuses_effort():
    command, robotiq = GripperCommand(0.0, 12.0), GripperKinematics(0.0, 0.8, 0.085)
    message = to_gripper_message(command, ('knuckle',), robotiq, with_effort=False)
    assert list(message.points[0].positions) == [0.8]
    assert not len(message.points[0].effort)


def test_a_gripper_command_survives_the_round_trip():
    command = GripperCommand(0.05, 12.0)
    assert from_gripper_message(to_gripper_message(command, FINGERS, MAP), FINGERS, 1.0) == command


def test_one_finger_joint_without_effort_is_a_command_with_the_default_force():
    message = to_gripper_message(GripperCommand(0.05, 12.0), FINGERS[:1], MAP)
    message.points[0].effort = []
    assert from_gripper_message(message, FINGERS, 7.0) == GripperCommand(0.05, 7.0)


def test_missing_velocities_are_the_slope_of_the_positions():
    message = to_arm_message(TRAJECTORY, ARM)
    for i, point in enumerate(message.points):
        point.positions, point.velocities = [0.2 * TRAJECTORY.times_s[i]] * 7, []
    np.testing.assert_allclose(from_arm_message(message, ARM).dq, 0.2, atol=1e-9)


def test_no_points_is_a_stop():
    message = to_arm_message(TRAJECTORY, ARM)
    message.points = []
    assert is_stop(message)


def break_names(message):
    message.joint_names[0] = 'elbow'


def break_length(message):
    message.points[1].positions = [0.0] * 6


def break_times(message):
    message.points[2].time_from_start = message.points[1].time_from_start


def break_number(message):
    message.points[0].positions[3] = float('nan')


@pytest.mark.parametrize(
    ('breakage', 'names'),
    [
        (break_names, 'got elbow'),
        (break_length, 'got 6 numbers, expected 7'),
        (break_times, 'times'),
        (break_number, 'got nan'),
    ],
)
def test_a_trajectory_that_no_arm_can_follow_is_refused(breakage, names):
    message = to_arm_message(TRAJECTORY, ARM)
    breakage(message)
    with pytest.raises(BadInputError, match=names):
        from_arm_message(message, ARM)


def test_a_gripper_cannot_open_less_than_shut():
    message = to_gripper_message(GripperCommand(0.02, 5.0), FINGERS, MAP)
    message.points[0].positions = [-0.01, -0.01]
    with pytest.raises(BadInputError, match=r'-0\.01'):
        from_gripper_message(message, FINGERS, 1.0)
