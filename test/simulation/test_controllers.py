import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.scene import GripperCommand, JointTrajectory
from simulation_node.controllers import GripperDrive, PoseFollower, TrajectoryFollower

TIMES = np.array([0.0, 0.4, 1.0])
Q = np.array([[0.0, 0.0], [0.1, -0.2], [0.2, 0.1]])
DQ = np.array([[0.0, 0.0], [0.3, 0.1], [0.0, 0.0]])


def follower():
    result = TrajectoryFollower(np.zeros(2))
    result.follow(JointTrajectory(TIMES, Q, DQ), now_s=5.0, q=np.zeros(2))
    return result


def test_every_waypoint_is_passed_at_its_time_with_its_velocity():
    for t, q, dq in zip(TIMES, Q, DQ, strict=True):
        got_q, got_dq = follower().sample(5.0 + t)
        np.testing.assert_allclose(got_q, q, atol=1e-12)
        np.testing.assert_allclose(got_dq, dq, atol=1e-12)


def test_the_velocity_is_the_derivative_of_the_position():
    h = 1e-6
    for t in np.linspace(0.05, 0.95, 7) + 5.0:
        numeric = (follower().sample(t + h)[0] - follower().sample(t - h)[0]) / (2 * h)
        np.testing.assert_allclose(follower().sample(t)[1], numeric, atol=1e-6)


def test_the_last_waypoint_is_held():
    q, dq = follower().sample(99.0)
    np.testing.assert_array_equal(q, Q[-1])
    assert not dq.any() and follower().done(6.0)


@pytest.mark.parametrize(
    ('times', 'q', 'wrong'),
    [
        (TIMES, Q[:, :1], 'shapes'),
        (TIMES[::-1], Q, 'times'),
        (TIMES, Q * np.nan, 'finite'),
        (TIMES, Q + 1.0, 'start'),
    ],
)
def test_a_trajectory_that_no_arm_could_follow_is_refused(times, q, wrong):
    with pytest.raises(BadInputError, match=wrong):
        TrajectoryFollower(np.zeros(2)).follow(JointTrajectory(times, q, DQ), 0.0, np.zeros(2))


def test_the_gripper_heads_for_its_opening_at_its_speed_and_stops_there():
    drive = GripperDrive(0.08, speed_mps=0.1)
    drive.command(GripperCommand(0.02, 15.0), now_s=1.0, width_m=0.08)
    assert drive.sample(1.3) == (pytest.approx(0.05), 15.0)
    assert drive.sample(9.0) == (pytest.approx(0.02), 15.0)


@pytest.mark.parametrize('command', [GripperCommand(-0.01, 5.0), GripperCommand(0.01, np.nan)])
def test_an_impossible_gripper_command_is_refused(command):
    with pytest.raises(BadInputError, match='gripper'):
        GripperDrive(0.08, 0.1).command(command, 0.0, 0.08)


def test_a_pose_follower_is_halfway_at_half_time():
    goal = np.eye(4)
    goal[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    goal[:3, 3] = 0.2, 0.0, 0.4
    hand = PoseFollower(np.eye(4))
    hand.follow(np.array([0.0, 2.0]), np.stack([np.eye(4), goal]), now_s=0.0)
    middle = hand.sample(1.0)
    np.testing.assert_allclose(middle[:3, 3], [0.1, 0.0, 0.2])
    np.testing.assert_allclose(middle[:3, 0], [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-12)
