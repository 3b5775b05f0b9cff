"""What the arm's drivers send, and what they report of goals accepted, refused and replaced."""

import numpy as np
import pytest
from fake_actions import (
    ABORTED,
    CANCELED,
    SUCCEEDED,
    FakeClient,
    FakeFollowJointTrajectory,
)

from sakiyomi.robot.drivers import GoalState
from sakiyomi.scene import JointTrajectory
from sakiyomi_ros.drivers import goal_tracker
from sakiyomi_ros.drivers.arm_action import FollowJointTrajectoryDriver
from sakiyomi_ros.drivers.arm_topic import TopicArmDriver
from sakiyomi_ros.messages.trajectories import from_arm_message, start_of

NAMES = ('shoulder', 'elbow')
TRAJECTORY = JointTrajectory(np.array([0.0, 1.0]), np.eye(2), np.zeros((2, 2)))
Result = FakeFollowJointTrajectory.Result


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def driver(client):
    return FollowJointTrajectoryDriver(client, NAMES, 'follow', FakeFollowJointTrajectory)


class FakePublisher:
    topic_name = '/arm_controller/joint_trajectory'

    def __init__(self, subscribers):
        self.published, self.subscribers = [], subscribers

    def publish(self, message):
        self.published.append(message)

    def get_subscription_count(self):
        return self.subscribers


def test_a_topic_carries_the_start_and_never_answers():
    publisher = FakePublisher(1)
    driver = TopicArmDriver(publisher, NAMES)
    assert driver.report().state is GoalState.NONE
    driver.send(TRAJECTORY, 12.5)
    assert start_of(publisher.published[0]) == 12.5
    assert driver.report().state is GoalState.SENT
    assert driver.preempts and not driver.answers and not driver.cancel()


def test_a_topic_without_a_subscriber_is_a_refusal():
    driver = TopicArmDriver(FakePublisher(0), NAMES)
    driver.send(TRAJECTORY, 12.5)
    assert driver.report().state is GoalState.REFUSED
    says = 'arm_controller/joint_trajectory: no controller has subscribed'
    assert driver.report().reason == says


def test_a_goal_carries_the_trajectory_and_its_start(driver, client):
    driver.send(TRAJECTORY, 12.5)
    message = client.sent[0].goal.trajectory
    assert start_of(message) == 12.5
    np.testing.assert_array_equal(from_arm_message(message, NAMES).q, TRAJECTORY.q)


def test_a_goal_is_sent_then_running_then_succeeded(driver, client):
    assert driver.report().state is GoalState.NONE
    driver.send(TRAJECTORY, 12.5)
    assert driver.report().state is GoalState.SENT
    client.sent[0].accept()
    assert driver.report().state is GoalState.RUNNING
    client.sent[0].end(SUCCEEDED, Result())
    assert driver.report().state is GoalState.SUCCEEDED


@pytest.mark.parametrize(
    ('code', 'state', 'name'),
    [
        (Result.INVALID_GOAL, GoalState.REFUSED, 'INVALID_GOAL'),
        (Result.INVALID_JOINTS, GoalState.REFUSED, 'INVALID_JOINTS'),
        (Result.OLD_HEADER_TIMESTAMP, GoalState.REFUSED, 'OLD_HEADER_TIMESTAMP'),
        (Result.PATH_TOLERANCE_VIOLATED, GoalState.ABORTED, 'PATH_TOLERANCE_VIOLATED'),
        (Result.GOAL_TOLERANCE_VIOLATED, GoalState.ABORTED, 'GOAL_TOLERANCE_VIOLATED'),
        (-42, GoalState.ABORTED, 'error code -42'),
    ],
)
def test_a_failure_is_reported_in_the_controller_s_own_words(driver, client, code, state, name):
    driver.send(TRAJECTORY, 12.5)
    client.sent[0].accept()
    client.sent[0].end(ABORTED, Result(code, 'elbow is 0.3 rad off'))
    assert driver.report().state is state
    assert driver.report().reason == f'follow: {name}: elbow is 0.3 rad off'
    assert driver.preempts


def test_an_error_code_fails_a_goal_whatever_its_status(driver, client):
    driver.send(TRAJECTORY, 12.5)
    client.sent[0].accept()
    client.sent[0].end(SUCCEEDED, Result(Result.GOAL_TOLERANCE_VIOLATED))
    assert driver.report().state is GoalState.ABORTED


def test_answers_of_replaced_goals_do_not_change_the_report(driver, client):
    driver.send(TRAJECTORY, 12.5)
    client.sent[0].accept()
    driver.send(TRAJECTORY, 13.5)
    client.sent[1].accept()
    client.sent[0].end(ABORTED, Result(Result.INVALID_GOAL, 'preempted'))
    assert driver.report().state is GoalState.RUNNING
    client.sent[1].end(SUCCEEDED, Result())
    assert driver.report().state is GoalState.SUCCEEDED
    assert driver.preempts


def test_a_late_answer_of_a_replaced_goal_does_not_change_the_report(driver, client):
    driver.send(TRAJECTORY, 12.5)
    driver.send(TRAJECTORY, 13.5)
    client.sent[1].accept()
    client.sent[0].reject()
    assert driver.report().state is GoalState.RUNNING
    assert driver.preempts


def test_a_goal_refused_while_another_runs_ends_preemption(driver, client):
    driver.send(TRAJECTORY, 12.5)
    client.sent[0].accept()
    assert driver.preempts
    driver.send(TRAJECTORY, 13.5)
    client.sent[1].reject()
    assert not driver.preempts
    assert driver.report().state is GoalState.REFUSED
    assert 'did not accept the goal, while an earlier one ran' in driver.report().reason


def test_a_goal_aborted_as_invalid_while_another_runs_ends_preemption(driver, client):
    for start_s in (12.5, 13.5):
        driver.send(TRAJECTORY, start_s)
        client.sent[-1].accept()
    client.sent[1].end(ABORTED, Result(Result.INVALID_GOAL, 'busy'))
    assert not driver.preempts
    assert driver.report().state is GoalState.REFUSED


def test_a_goal_refused_while_nothing_runs_leaves_preemption(driver, client):
    driver.send(TRAJECTORY, 12.5)
    client.sent[0].reject()
    assert driver.report().state is GoalState.REFUSED
    assert driver.preempts


def test_cancel_ends_every_goal_under_way(driver, client):
    driver.send(TRAJECTORY, 12.5)
    client.sent[0].accept()
    driver.send(TRAJECTORY, 13.5)
    client.sent[1].reject()
    assert driver.cancel()
    assert client.sent[0].cancelled
    driver.send(TRAJECTORY, 14.5)
    client.sent[2].accept()
    assert driver.cancel()
    client.sent[2].end(CANCELED, Result())
    assert driver.report().state is GoalState.CANCELLED


def test_a_goal_cancelled_before_it_was_accepted_is_cancelled_then(driver, client):
    driver.send(TRAJECTORY, 12.5)
    assert driver.cancel()
    client.sent[0].accept()
    assert client.sent[0].cancelled


def test_without_a_server_a_goal_is_refused_and_not_kept(driver, client):
    client.ready = False
    driver.send(TRAJECTORY, 12.5)
    assert driver.report().state is GoalState.REFUSED
    assert driver.report().reason == 'follow: no action server answers'
    assert not driver.cancel()
    client.ready = True
    driver.report()
    assert not client.sent


def test_a_server_that_vanishes_aborts_the_goal(driver, client):
    driver.send(TRAJECTORY, 12.5)
    client.sent[0].accept()
    client.ready = False
    assert driver.report().state is GoalState.ABORTED
    assert driver.report().reason == 'follow: the action server is gone'


def test_a_goal_without_an_answer_is_refused_and_never_carried_out(driver, client, monkeypatch):
    monkeypatch.setattr(goal_tracker, 'ANSWER_TIMEOUT_S', 0.0)
    driver.send(TRAJECTORY, 12.5)
    assert driver.report().state is GoalState.REFUSED
    client.sent[0].accept()
    assert client.sent[0].cancelled
    assert driver.report().state is GoalState.REFUSED
