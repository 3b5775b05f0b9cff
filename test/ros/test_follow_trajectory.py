"""The simulated arm's action ends its goals as a joint trajectory controller does."""

from types import SimpleNamespace

import pytest
from fake_actions import FakeFollowJointTrajectory

from sakiyomi.errors import BadInputError
from sakiyomi_ros.drivers.action_types import FollowJointTrajectory
from sakiyomi_ros.drivers.simulated_arm_action import TrajectoryAction

Result = FakeFollowJointTrajectory.Result


def tolerance(position, name='elbow'):
    return SimpleNamespace(name=name, position=position)


class Goal:
    """Stands for rclpy's goal handle."""

    def __init__(self, words='up', path=(), goal=(), goal_time_s=0):
        self.request = FakeFollowJointTrajectory.Goal()
        self.request.trajectory = SimpleNamespace(words=words, points=list(words))
        self.request.path_tolerance, self.request.goal_tolerance = list(path), list(goal)
        self.request.goal_time_tolerance.sec = goal_time_s
        self.is_cancel_requested = False
        self.outcome = self.result = None

    def execute(self, conclude):
        self.result = conclude(self)

    def succeed(self):
        self.outcome = 'succeeded'

    def canceled(self):
        self.outcome = 'canceled'

    def abort(self):
        self.outcome = 'aborted'


class Arm:
    def __init__(self):
        self.followed, self.arrived, self.stopped = [], False, False
        self.error_rad, self.time_s = 0.0, 1.0

    def accept(self, trajectory):
        if trajectory.words == 'nonsense':
            raise BadInputError('trajectory: got nonsense')
        self.followed.append(trajectory.words)

    def stop(self):
        self.stopped = True


@pytest.fixture
def arm():
    return Arm()


@pytest.fixture
def action(arm):
    return TrajectoryAction(
        arm.accept,
        lambda: arm.arrived,
        arm.stop,
        FakeFollowJointTrajectory,
        lambda: {'elbow': arm.error_rad},
        lambda: arm.time_s,
    )


def test_a_goal_succeeds_when_the_arm_has_arrived_and_not_before(action, arm):
    goal = Goal()
    action.begin(goal)
    action.poll()
    assert (arm.followed, goal.outcome) == (['up'], None)
    arm.arrived = True
    action.poll()
    assert (goal.outcome, goal.result.error_code) == ('succeeded', Result.SUCCESSFUL)


def test_a_cancelled_goal_stops_the_arm(action, arm):
    goal = Goal()
    action.begin(goal)
    goal.is_cancel_requested = True
    action.poll()
    assert arm.stopped and goal.outcome == 'canceled'


def test_a_new_goal_preempts_the_running_one(action, arm):
    old, new = Goal('up'), Goal('down')
    action.begin(old)
    action.begin(new)
    assert (old.outcome, old.result.error_code) == ('aborted', Result.INVALID_GOAL)
    assert 'preempted' in old.result.error_string
    assert new.outcome is None
    arm.arrived = True
    action.poll()
    assert new.outcome == 'succeeded'
    assert arm.followed == ['up', 'down'] and not arm.stopped


@pytest.mark.parametrize(('words', 'says'), [('nonsense', 'got nonsense'), ('', 'got no points')])
def test_a_goal_that_is_refused_says_why_and_leaves_the_running_one_alone(
    action, arm, words, says
):
    running, refused = Goal(), Goal(words)
    action.begin(running)
    action.begin(refused)
    assert (refused.outcome, refused.result.error_code) == ('aborted', Result.INVALID_GOAL)
    assert says in refused.result.error_string
    arm.arrived = True
    action.poll()
    assert running.outcome == 'succeeded'


def test_a_joint_beyond_the_path_tolerance_aborts_the_goal_and_stops_the_arm(action, arm):
    goal = Goal(path=[tolerance(0.1)])
    action.begin(goal)
    arm.error_rad = 0.09
    action.poll()
    assert goal.outcome is None
    arm.error_rad = 0.25
    action.poll()
    assert (goal.outcome, arm.stopped) == ('aborted', True)
    assert goal.result.error_code == Result.PATH_TOLERANCE_VIOLATED
    assert goal.result.error_string == 'elbow is 0.250 rad from the trajectory, over 0.1'


def test_a_joint_that_arrives_within_the_time_tolerance_succeeds(action, arm):
    goal = Goal(goal=[tolerance(0.01)], goal_time_s=1)
    action.begin(goal)
    arm.arrived, arm.error_rad = True, 0.05
    action.poll()
    arm.time_s += 0.9
    action.poll()
    assert goal.outcome is None
    arm.error_rad = 0.005
    action.poll()
    assert goal.outcome == 'succeeded'


def test_a_joint_that_does_not_arrive_violates_the_goal_tolerance(action, arm):
    goal = Goal(goal=[tolerance(0.01)], goal_time_s=1)
    action.begin(goal)
    arm.arrived, arm.error_rad = True, 0.05
    action.poll()
    arm.time_s += 1.1
    action.poll()
    assert (goal.outcome, goal.result.error_code) == ('aborted', Result.GOAL_TOLERANCE_VIOLATED)
    assert 'elbow is 0.050 rad' in goal.result.error_string


@pytest.mark.parametrize('given', [0.0, -1.0])
def test_a_tolerance_of_zero_or_less_is_none(action, arm, given):
    goal = Goal(path=[tolerance(given)], goal=[tolerance(given)])
    action.begin(goal)
    arm.error_rad = 3.0
    action.poll()
    assert goal.outcome is None
    arm.arrived = True
    action.poll()
    assert goal.outcome == 'succeeded'


@pytest.mark.skipif(FollowJointTrajectory is None, reason='control_msgs is not installed')
def test_the_real_action_type_has_the_fields_of_the_fake_one():
    real, fake = FollowJointTrajectory, FakeFollowJointTrajectory
    assert set(vars(fake.Goal())) <= set(real.Goal.get_fields_and_field_types())
    assert set(vars(fake.Result())) <= set(real.Result.get_fields_and_field_types())
    for name in ('SUCCESSFUL', 'INVALID_GOAL', 'PATH_TOLERANCE_VIOLATED'):
        assert getattr(real.Result, name) == getattr(fake.Result, name)
