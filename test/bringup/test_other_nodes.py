"""Nodes that are not ours read the predictions: with our messages, and without them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
from geometry_msgs.msg import PoseArray
from trajectory_msgs.msg import MultiDOFJointTrajectory
from visualization_msgs.msg import MarkerArray

from sakiyomi.scene import Gaussian, HiddenProperties, ObjectState, Prediction, Scene
from sakiyomi_interfaces.msg import PredictionArray
from sakiyomi_ros.messages.beliefs import to_predictions
from sakiyomi_ros.qos import topic_qos
from world_model_node import conversions
from world_model_node.config import MarkerConfig

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
OBJECT_ID, END_M = 7, (0.52, -0.03, 0.04)

WITHOUT_OUR_MESSAGES = """
import sys
sys.modules['sakiyomi_interfaces'] = None  # importing it now fails
import rclpy
from geometry_msgs.msg import PoseArray
from trajectory_msgs.msg import MultiDOFJointTrajectory
from visualization_msgs.msg import MarkerArray

def say(line):
    print(line, flush=True)

rclpy.init()
node = rclpy.create_node('foreign')
node.create_subscription(
    PoseArray, '/world_model/predicted_poses',
    lambda m: say(f'poses {len(m.poses)} in {m.header.frame_id}'), 5)
node.create_subscription(
    MultiDOFJointTrajectory, '/world_model/predicted_trajectories',
    lambda m: say(f'trajectory {m.joint_names} {m.points[-1].transforms[0].translation.x:.2f}'), 5)
node.create_subscription(
    MarkerArray, '/world_model/markers', lambda m: say(f'markers {len(m.markers)}'), 5)
try:
    rclpy.spin(node)
except KeyboardInterrupt:
    pass
"""


@pytest.fixture(scope='module')
def future():
    steps = 20
    T = np.tile(np.eye(4), (steps, 1, 1))
    T[:, :3, 3] = np.linspace((0.5, 0.0, 0.04), END_M, steps)
    covariance = np.tile(np.eye(6) * 1e-6, (steps, 1, 1))
    stamps_s = 1.0 + 0.05 * np.arange(1, steps + 1)
    nothing = np.zeros(steps)
    twist = np.zeros((steps, 6))
    return Prediction(OBJECT_ID, stamps_s, T, covariance, twist, covariance, nothing, nothing)


@pytest.fixture(scope='module')
def scene(future):
    one = Gaussian(0.1, 0.01)
    properties = HiddenProperties(one, one, one, np.zeros(3), np.eye(3))
    points = np.random.default_rng(0).uniform(-0.02, 0.02, (50, 3)).astype(np.float32)
    state = ObjectState(
        OBJECT_ID, 1.0, future.T_world_object[0], np.eye(6), np.zeros(6), np.eye(6),
        points, np.full((50, 3), 128, np.uint8), properties,
    )  # fmt: skip
    return Scene(1.0, (state,), points)


@pytest.fixture
def world_model(future, scene):
    """Publishes what the world model would; each call sends everything once."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('world_model', context=context)
    messages = {
        'predictions': to_predictions((future,), 1.0, 'physics_prior'),
        'predicted_poses': conversions.predicted_poses((future,), 1.0),
        'predicted_trajectories': conversions.predicted_trajectories((future,), 1.0),
        'markers': conversions.markers(scene, (future,), MarkerConfig()),
    }
    kinds = (PredictionArray, PoseArray, MultiDOFJointTrajectory, MarkerArray)
    publishers = {
        name: node.create_publisher(
            kind, f'/world_model/{name}', topic_qos(f'world_model/{name}').offered
        )
        for name, kind in zip(messages, kinds, strict=True)
    }

    def publish():
        for name, message in messages.items():
            publishers[name].publish(message)

    yield publish
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def read(command, publish, wanted):
    """Publish until the process has said everything wanted; its text and exit status."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, 'PYTHONUNBUFFERED': '1'},
    )
    said, end_s = [], time.monotonic() + PATIENCE_S
    reader = threading.Thread(target=lambda: said.extend(process.stdout))
    reader.start()
    try:
        while not all(text in ''.join(said) for text in wanted):
            assert time.monotonic() < end_s, said
            assert process.poll() is None, said
            publish()
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(PATIENCE_S)
        reader.join()
    return ''.join(said), status


def test_the_example_subscriber_prints_predictions(world_model):
    path = ROOT / 'docs' / 'example_subscriber.py'
    assert len(path.read_text().splitlines()) <= 30
    wanted = [f'object {OBJECT_ID} will be at (0.520, -0.030, 0.040) m, x +- 1.0 mm']
    said, status = read([str(path)], world_model, wanted)
    assert 'says physics_prior' in said
    assert status == 0


def test_the_mirror_in_standard_messages_needs_none_of_ours(world_model):
    wanted = ['poses 1 in world', f"trajectory ['object_{OBJECT_ID}'] 0.52", 'markers ']
    _, status = read(['-c', WITHOUT_OUR_MESSAGES], world_model, wanted)
    assert status == 0
