"""The viewer over a real middleware: what it hears, what it says, how it ends."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

rclpy = pytest.importorskip('rclpy', reason='ROS 2 is not installed')
pytest.importorskip('sakiyomi_interfaces', reason='sakiyomi_interfaces is not built')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from sensor_msgs.msg import Image, JointState, PointCloud2  # noqa: E402
from std_srvs.srv import Trigger  # noqa: E402

from sakiyomi.robot.robot_config import read_robot_config  # noqa: E402
from viewer_node.node import ViewerNode  # noqa: E402
from viewer_node.page import Page  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
ROBOT = read_robot_config()
START_TIMEOUT_S = 60.0


def start(port, *more):
    command = [
        sys.executable,
        '-m',
        'viewer_node.node',
        '--ros-args',
        '-p',
        f'port:={port}',
        *more,
    ]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_exit_code_0(free_port, number):
    process = start(free_port)
    line = process.stdout.readline()
    assert f'http://127.0.0.1:{free_port}' in line
    process.send_signal(number)
    rest = process.communicate(timeout=START_TIMEOUT_S)[0]
    assert process.returncode == 0, rest
    assert 'Traceback' not in rest


def test_a_taken_port_is_one_line_and_exit_code_2(taken_port):
    process = start(taken_port)
    output = process.communicate(timeout=START_TIMEOUT_S)[0].strip()
    assert process.returncode == 2
    assert f'port {taken_port} on 127.0.0.1 is taken' in output
    assert len(output.splitlines()) == 1


def test_a_bad_parameter_is_one_line_and_exit_code_2(free_port):
    process = start(free_port, '-p', 'rate_hz:=-1.0')
    output = process.communicate(timeout=START_TIMEOUT_S)[0].strip()
    assert process.returncode == 2
    assert 'rate_hz: got -1.0, expected at least 0.5' in output
    assert len(output.splitlines()) == 1


@pytest.fixture
def viewer(free_port, ros_domain_id, monkeypatch):
    """A running viewer, the node of another party, and a spin that serves both."""
    watched = [False]
    monkeypatch.setattr(Page, 'has_viewers', property(lambda _: watched[0]))
    os.environ['ROS_DOMAIN_ID'] = str(ros_domain_id)
    rclpy.init(args=['--ros-args', '-p', f'port:={free_port}'])
    executor = SingleThreadedExecutor()
    node, other = ViewerNode(), rclpy.create_node('other')
    executor.add_node(node)
    executor.add_node(other)
    node.start()

    def spin_until(condition, timeout_s=20.0):
        end = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < end:
            executor.spin_once(timeout_sec=0.05)
        return condition()

    yield node, other, spin_until, watched
    executor.shutdown()
    node.trigger_deactivate()
    node.destroy_node()
    other.destroy_node()
    rclpy.try_shutdown()


def test_it_subscribes_only_while_somebody_looks(viewer):
    _, other, spin_until, watched = viewer
    heard = lambda: other.count_subscribers('/camera/color/image_raw')  # noqa: E731
    spin_until(lambda: False, 1.5)
    assert heard() == 0
    watched[0] = True
    assert spin_until(lambda: heard() == 1)
    watched[0] = False
    assert spin_until(lambda: heard() == 0)
    watched[0] = True
    assert spin_until(lambda: heard() == 1)


def test_malformed_messages_are_counted_and_the_good_ones_shown(viewer):
    node, other, spin_until, watched = viewer
    watched[0] = True
    cloud = other.create_publisher(PointCloud2, 'world_model/cloud', 5)
    image = other.create_publisher(Image, 'camera/color/image_raw', 5)
    joints = other.create_publisher(JointState, 'joint_states', 5)
    names = list(ROBOT.arm.joints + ROBOT.gripper.finger_joints)

    def publish():
        cloud.publish(PointCloud2(width=7, height=1, point_step=3, row_step=1))
        image.publish(Image(encoding='rgb8'))
        joints.publish(JointState(name=names, position=[0.1] * 9, velocity=[0.0] * 9))

    other.create_timer(0.1, publish)

    def dropped(topic):
        return topic in node.monitors and node.monitors[topic].dropped

    assert spin_until(lambda: dropped('world_model/cloud') and dropped('camera/color/image_raw'))
    assert spin_until(lambda: node.monitors['joint_states'].received)
    assert not node.monitors['joint_states'].dropped


def test_a_missing_server_is_said_and_nothing_waits(viewer):
    node = viewer[0]
    before_s = time.monotonic()
    answers = [node.pick(None), node.pick(3), node.stop(), node.throw(), node.reset(1)]
    assert time.monotonic() - before_s < 0.5
    assert answers[0] == 'no planner answers: /planner/pick has no server'
    assert all('answers' in answer for answer in answers)
    assert node.push(9) == 'object #9 is not tracked any more'


def test_the_stop_button_reaches_the_planners_service(viewer, monkeypatch):
    node, other, spin_until, _ = viewer
    asked, said = [], []
    monkeypatch.setattr(node.page, 'show_message', said.append)

    def answer(request, response):
        asked.append(request)
        response.success, response.message = True, 'holding'
        return response

    other.create_service(Trigger, 'planner/stop', answer)
    assert spin_until(lambda: node.stop() == 'stop ...')
    assert spin_until(lambda: asked and said)
    assert said[0] == 'stop: holding'


def test_the_diagnostics_of_all_nodes_are_collected(viewer):
    node, other, spin_until, watched = viewer
    watched[0] = True
    publisher = other.create_publisher(DiagnosticArray, '/diagnostics', 10)
    bad = DiagnosticStatus(level=DiagnosticStatus.ERROR, name='planner: x', message='broken')
    other.create_timer(0.1, lambda: publisher.publish(DiagnosticArray(status=[bad])))
    assert spin_until(lambda: any(line.level == 2 for line in node.board.lines()))
    names = {line.name for line in node.board.lines()}
    assert spin_until(lambda: 'viewer: page' in names | {line.name for line in node.board.lines()})
