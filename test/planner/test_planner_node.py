"""The Pick action over a real middleware: refusals, stops and cancels, one pick at a time."""

import threading
import time

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from planner_node.node import PlannerNode
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import Heartbeat
from sakiyomi_ros.clients.pick_client import PickClient, to_goal
from sakiyomi_ros.messages.conversions import from_stamp
from sakiyomi_ros.qos import topic_qos

ROBOT = read_robot_config()
Q_HOME = [0.0, -0.7854, 0.0, -2.3562, 0.0, 1.5708, 0.7854]


@pytest.fixture(scope='module')
def planner(ros_domain_id):
    """An active planner that spins in a thread of its own."""
    rclpy.init(args=['--ros-args', '-p', 'scene_timeout_s:=0.5', '-p', 'state_timeout_s:=4.0'])
    node = PlannerNode()
    node.start()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.trigger_deactivate()
    node.trigger_cleanup()
    node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def client(planner):
    with PickClient() as client:
        yield client


@pytest.fixture
def robot(client):
    """An arm that stands at home and says so at 50 Hz while the client spins."""
    publisher = client.node.create_publisher(
        JointState, '/joint_states', topic_qos('joint_states').offered
    )
    names = [*ROBOT.arm.joints, *ROBOT.gripper.finger_joints]

    def publish():
        message = JointState(name=names, position=[*Q_HOME, 0.04, 0.04], velocity=[0.0] * 9)
        message.header.stamp = client.node.get_clock().now().to_msg()
        publisher.publish(message)

    timer = client.node.create_timer(0.02, publish)
    client.spin(0.5)
    yield publish
    client.node.destroy_timer(timer)


@pytest.mark.parametrize(
    ('request_', 'says'),
    [
        (PickRequest('point', point_m=np.array([np.nan, 0.0, 0.0])), 'point: got nan'),
        (PickRequest('any', force_limit_n=-1.0), 'force_limit: got -1.0 N'),
        (PickRequest('any', force_limit_n=np.nan), 'force_limit: got nan N'),
        (PickRequest('any', T_world_place=np.full((4, 4), np.inf)), 'place_pose'),
    ],
    ids=lambda value: value if isinstance(value, str) else '',
)
def test_a_malformed_goal_is_rejected_with_its_reason(client, request_, says, monkeypatch):
    from sakiyomi_ros.clients import pick_client

    if request_.T_world_place is not None:  # no such pose can be written: send one with a zero
        monkeypatch.setattr(pick_client, 'to_pose', lambda _: zero_pose())
    report = client.pick(request_)
    assert report.outcome == 'rejected'
    assert says in report.reason
    assert '\n' not in report.reason


def zero_pose():
    from geometry_msgs.msg import Pose

    pose = Pose()
    pose.orientation.w = 0.0
    return pose


@pytest.mark.parametrize(
    ('change', 'says'),
    [
        ({'target': 9}, 'target: got 9'),
        ({'frame': 'camera_link'}, "point: got frame 'camera_link', expected the world frame"),
    ],
)
def test_a_goal_in_no_known_terms_is_rejected(client, monkeypatch, change, says):
    from sakiyomi_ros.clients import pick_client

    def odd(request):
        goal = to_goal(request)
        goal.target = change.get('target', goal.target)
        goal.point.header.frame_id = change.get('frame', 'world')
        return goal

    monkeypatch.setattr(pick_client, 'to_goal', odd)
    report = client.pick(PickRequest('point', point_m=np.zeros(3)))
    assert (report.outcome, says in report.reason) == ('rejected', True)


def test_without_a_world_model_a_pick_ends_as_stale(client, robot):
    report = client.pick(PickRequest())
    assert report.outcome == 'stale_input'
    assert 'no scene from the world model' in report.reason


def test_a_robot_that_falls_silent_ends_the_pick(client, planner):
    report = client.pick(PickRequest())
    assert report.outcome == 'stale_input'
    assert 'no joint states' in report.reason


def test_stop_commands_nothing_where_nothing_is_under_way(client, robot):
    sent = []
    topic = 'arm_controller/joint_trajectory'
    client.node.create_subscription(
        JointTrajectory, f'/{topic}', sent.append, topic_qos(topic).requested
    )
    client.spin(0.5)
    response = client.call(
        client.node.create_client(Trigger, '/planner/stop'), Trigger.Request(), 10.0
    )
    assert (response.success, response.message) == (True, 'nothing was under way')
    client.spin(0.5)
    assert not sent


def test_a_heartbeat_follows_each_joint_state(client, robot):
    beats = []
    qos = topic_qos('planner/heartbeat').requested
    client.node.create_subscription(Heartbeat, '/planner/heartbeat', beats.append, qos)
    assert client.spin_until(lambda: len(beats) > 20, 20.0)
    assert {beat.phase for beat in beats} == {'idle'}
    stamps = [from_stamp(beat.header.stamp) for beat in beats]
    assert (np.diff(stamps) > 0.0).all()


def test_a_second_goal_is_refused_and_a_cancelled_one_ends_as_stopped(client, robot, planner):
    planner.set_parameters([rclpy.Parameter('scene_timeout_s', value=30.0)])
    try:
        handle = send(client)
        second = client.pick(PickRequest())
        assert second.outcome == 'rejected'
        assert 'another pick is under way' in second.reason
        result = handle.get_result_async()
        handle.cancel_goal_async()
        assert client.spin_until(result.done, 10.0)
        assert result.result().result.outcome == Pick.Result.STOPPED
    finally:
        planner.set_parameters([rclpy.Parameter('scene_timeout_s', value=0.5)])


def send(client):
    assert client.spin_until(client.action.server_is_ready, 10.0)
    future = client.action.send_goal_async(to_goal(PickRequest()))
    assert client.spin_until(future.done, 10.0)
    return future.result()


def test_the_executor_rests_while_a_pick_waits(client, robot, planner):
    """A coroutine that awaits the result would keep the planner's thread at full load."""
    planner.set_parameters([rclpy.Parameter('scene_timeout_s', value=30.0)])
    try:
        handle = send(client)
        client.spin(0.5)
        used_s, start_s = time.process_time(), time.monotonic()
        client.spin(2.0)
        share = (time.process_time() - used_s) / (time.monotonic() - start_s)
        assert share < 0.6  # planner, client and robot of this process together
        handle.cancel_goal_async()
        client.spin(0.5)
    finally:
        planner.set_parameters([rclpy.Parameter('scene_timeout_s', value=0.5)])
