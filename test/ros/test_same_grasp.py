"""The nodes over Fast DDS choose what the bare cores choose from the same readings."""

import numpy as np
import pytest
from rclpy.action import ActionClient
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from planner_node.config import PlannerConfig
from planner_node.core import PickRequest
from sakiyomi_evaluation.cells.pick_cell import PickCell
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import ObjectStateArray
from sakiyomi_ros.messages.conversions import from_pose, from_stamp, to_joint_state, to_stamp
from sakiyomi_ros.qos import topic_qos
from simulation_node import conversions
from simulation_node.cell import SimulatedCell
from simulation_node.config import (
    CAMERA_LINK,
    LIDAR_LINK,
    PAD_LINKS,
    PHYSICS_HZ,
    SimulationConfig,
)
from world_model_node.config import WorldModelConfig

SEED, FRAMES = 3, 4


class SensorPublisher:
    """Sends what a simulated cell senses, as simulation_node does, one instant at a time."""

    def __init__(self, observer):
        kinds = {
            '/clock': Clock,
            'camera/color/image_raw': Image,
            'camera/depth/image_rect_raw': Image,
            'camera/camera_info': CameraInfo,
            'lidar/points': PointCloud2,
            'tactile/left': PointCloud2,
            'tactile/right': PointCloud2,
            'joint_states': JointState,
        }
        self.publishers = {
            topic: observer.node.create_publisher(kind, topic, topic_qos(topic).offered)
            for topic, kind in kinds.items()
        }

    def connected(self):
        return all(p.get_subscription_count() > 0 for p in self.publishers.values())

    def joints(self, joints):
        self._send('/clock', Clock(clock=to_stamp(joints.stamp_s)))
        self._send('joint_states', to_joint_state(joints))

    def publish_rest(self, scan, pads, joints):
        self.joints(joints)
        for pad in pads:
            message = conversions.tactile_message(pad, PAD_LINKS[pad.side])
            self._send(f'tactile/{pad.side}', message)
        self._send('lidar/points', conversions.lidar_message(scan, LIDAR_LINK))

    def publish_picture(self, frame):
        color, depth, info = conversions.camera_messages(frame, CAMERA_LINK)
        self._send('camera/camera_info', info)
        self._send('camera/color/image_raw', color)
        self._send('camera/depth/image_rect_raw', depth)

    def _send(self, topic, message):
        self.publishers[topic].publish(message)


@pytest.fixture
def cell():
    cell = SimulatedCell(SimulationConfig(count=3, seed=SEED))
    yield cell
    cell.close()


def send_until_seen(observer, sensors, readings, scenes):
    """Best effort may lose the first pictures of a new connection; a copy changes nothing."""
    stamp_s = pytest.approx(readings[-1].stamp_s, abs=1e-6)
    for _ in range(20):
        sensors.publish_rest(*readings[1:])
        observer.spin(0.3)  # a picture starts the update: the rest has to be there before
        sensors.publish_picture(readings[0])
        observer.spin(0.7)
        if any(from_stamp(m.header.stamp) == stamp_s for m in scenes):
            return
    pytest.fail('the world model did not answer within 20 s')


def test_the_ros_path_and_the_bare_cores_choose_the_same_grasp(start, observer, cell):
    start('world_model_node.node', '-p', 'use_sim_time:=true')
    start('planner_node.node', '-p', 'use_sim_time:=true')
    sensors = SensorPublisher(observer)
    observer.wait_for(sensors.connected, 'the nodes to subscribe')
    topic = 'world_model/objects'
    scenes = observer.collect(ObjectStateArray, topic, topic_qos(topic).requested)
    bare = PickCell(cell, PlannerConfig(), WorldModelConfig())

    def watch():
        """One instant for both; the newest scene of the bare world model."""
        cell.step(0.1)
        readings = cell.camera_frame(), cell.lidar_scan(), cell.tactile(), cell.joints()
        send_until_seen(observer, sensors, readings, scenes)
        bare.take(*readings)
        return bare.model.update(cell.time_s)

    for _ in range(FRAMES):
        watch()
    client, feedback = ActionClient(observer.node, Pick, '/planner/pick'), []
    observer.wait_for(client.server_is_ready, 'the planner')
    sensors.joints(cell.joints())  # the planner refuses a robot that has fallen silent
    client.send_goal_async(Pick.Goal(), feedback_callback=lambda m: feedback.append(m.feedback))

    def pass_time():
        """The planner's timer runs on the simulated clock."""
        cell.step(1.0 / PHYSICS_HZ)
        sensors.joints(cell.joints())

    def accepted():
        pass_time()
        observer.spin(0.1)
        return feedback

    observer.wait_for(accepted, 'the planner to accept the goal')
    for _ in range(5):
        pass_time()
        observer.spin(0.05)
    scene = watch()  # the planner waits for a scene newer than the goal

    def grasp():
        pass_time()
        observer.spin(0.1)
        return next((f.grasp for f in feedback if f.grasp.predicted_success > 0), None)

    chosen = observer.wait_for(grasp, 'a grasp')
    expected = bare.planner.plan(scene, bare.state(), PickRequest()).grasp
    assert chosen.object_id == expected.object_id
    np.testing.assert_allclose(from_pose(chosen.pose), expected.T_world_grasp, atol=1e-5)
    assert chosen.predicted_success == pytest.approx(expected.predicted_success, abs=1e-4)
