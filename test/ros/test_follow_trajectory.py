from types import SimpleNamespace

import pytest

from sakiyomi.errors import BadInputError
from sakiyomi_ros.follow_trajectory import FollowJointTrajectory, TrajectoryAction


class Goal:
    """Stands for rclpy's goal handle."""

    def __init__(self, trajectory='up'):
        self.request = SimpleNamespace(trajectory=trajectory)
        self.is_cancel_requested = False
        self.outcome = None

    def succeed(self):
        self.outcome = 'succeeded'

    def canceled(self):
        self.outcome = 'canceled'

    def abort(self):
        self.outcome = 'aborted'


class Result:
    INVALID_GOAL = -1
    error_code = 0
    error_string = ''


class Arm:
    def __init__(self):
        self.followed, self.arrived, self.stopped = [], False, False

    def accept(self, trajectory):
        if trajectory == 'nonsense':
            raise BadInputError('trajectory: got nonsense')
        self.followed.append(trajectory)

    def stop(self):
        self.stopped = True


@pytest.fixture
def arm():
    return Arm()


@pytest.fixture
def action(arm):
    kind = SimpleNamespace(Result=Result)
    return TrajectoryAction(arm.accept, lambda: arm.arrived, arm.stop, kind)


def advance(coroutine):
    """Run until it waits; whether it has ended, and with what."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return True, end.value
    return False, None


def test_a_goal_succeeds_when_the_arm_has_arrived_and_not_before(action, arm):
    goal = Goal()
    execution = action.execute(goal)
    assert advance(execution) == (False, None)
    assert arm.followed == ['up']
    action.poll()
    assert goal.outcome is None
    arm.arrived = True
    action.poll()
    assert goal.outcome == 'succeeded'
    assert advance(execution)[0]


def test_a_cancelled_goal_stops_the_arm(action, arm):
    goal = Goal()
    execution = action.execute(goal)
    advance(execution)
    goal.is_cancel_requested = True
    action.poll()
    assert arm.stopped and goal.outcome == 'canceled'
    assert advance(execution)[0]


def test_a_goal_that_cannot_be_followed_is_aborted_with_the_reason(action):
    goal = Goal('nonsense')
    ended, result = advance(action.execute(goal))
    assert ended and goal.outcome == 'aborted'
    assert result.error_code == Result.INVALID_GOAL
    assert 'nonsense' in result.error_string


@pytest.mark.skipif(FollowJointTrajectory is None, reason='control_msgs is not installed')
def test_the_real_action_type_has_what_is_used():
    assert FollowJointTrajectory.Result.INVALID_GOAL < 0
    assert hasattr(FollowJointTrajectory.Goal(), 'trajectory')
