"""What the gripper's drivers send, and what counts as success."""

import pytest
from fake_actions import (
    ABORTED,
    SUCCEEDED,
    FakeClient,
    FakeGripperCommand,
    FakeParallelGripperCommand,
)

from sakiyomi.robot.drivers import GoalState
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi.scene import GripperCommand
from sakiyomi_ros.drivers.gripper_action import (
    GripperActionDriver,
    gripper_command,
    parallel_gripper_command,
)

ROBOTIQ = GripperKinematics(0.0, 0.8, 0.085)
CLOSE = GripperCommand(0.0, 20.0)
Result = FakeGripperCommand.Result


@pytest.fixture
def client():
    return FakeClient()


@pytest.fixture
def driver(client):
    return GripperActionDriver(client, gripper_command(FakeGripperCommand), 'grip', ROBOTIQ)


def test_a_goal_is_a_joint_position_and_a_limit_of_the_effort(driver, client):
    driver.send(CLOSE)
    command = client.sent[0].goal.command
    assert (command.position, command.max_effort) == (pytest.approx(0.8), 20.0)


def test_a_parallel_gripper_takes_one_joint_by_name(client):
    to_goal = parallel_gripper_command(FakeParallelGripperCommand, 'knuckle')
    GripperActionDriver(client, to_goal, 'grip', ROBOTIQ).send(CLOSE)
    command = client.sent[0].goal.command
    assert list(command.name) == ['knuckle']
    assert list(command.position) == [pytest.approx(0.8)]
    assert list(command.effort) == [20.0]


@pytest.mark.parametrize(
    ('status', 'result', 'state'),
    [
        (SUCCEEDED, Result(reached_goal=True), GoalState.SUCCEEDED),
        (SUCCEEDED, Result(stalled=True), GoalState.SUCCEEDED),
        (ABORTED, Result(stalled=True), GoalState.SUCCEEDED),  # where stalling is not allowed
        (SUCCEEDED, Result(), GoalState.SUCCEEDED),
        (ABORTED, Result(), GoalState.ABORTED),
    ],
)
def test_fingers_that_arrived_or_were_stopped_succeeded(driver, client, status, result, state):
    driver.send(CLOSE)
    client.sent[0].accept()
    client.sent[0].end(status, result)
    assert driver.report().state is state


def test_an_aborted_command_says_so_in_words(driver, client):
    driver.send(CLOSE)
    client.sent[0].accept()
    client.sent[0].end(ABORTED, Result())
    says = 'grip: given up before the fingers arrived or an object stopped them'
    assert driver.report().reason == says


def test_opening_in_the_midst_of_closing_reports_the_opening(driver, client):
    driver.send(CLOSE)
    client.sent[0].accept()
    driver.send(GripperCommand(0.085, 20.0))
    client.sent[1].accept()
    client.sent[0].end(ABORTED, Result())
    assert driver.report().state is GoalState.RUNNING
    client.sent[1].end(SUCCEEDED, Result(reached_goal=True))
    assert driver.report().state is GoalState.SUCCEEDED
