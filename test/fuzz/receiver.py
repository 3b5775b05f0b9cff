"""What the node does with messages, without a node: convert, pair, add, update."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
from mutations import mutated
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi_ros.messages.conversions import (
    from_joint_state,
    from_wrench,
    to_joint_state,
    to_stamp,
    to_wrench,
)
from sakiyomi_ros.messages.images import from_camera_info, to_camera_info, to_depth_image, to_image
from sakiyomi_ros.messages.point_clouds import to_cloud, to_xyz_cloud
from sakiyomi_ros.stamp_synchronizer import StampSynchronizer
from simulation_node.cell import SimulatedCell
from simulation_node.config import CameraConfig, LidarConfig, SimulationConfig
from world_model_node.config import WorldModelConfig
from world_model_node.conversions import (
    TAXEL_FIELDS,
    to_camera_frame,
    to_color_frame,
    to_depth_frame,
    to_lidar_scan,
    to_tactile_reading,
)
from world_model_node.core import WorldModel

PERIOD_S = 0.02
UPDATE_EVERY = 5
SHARED_S = 0.2  # messages of so long share one stamp, so that pictures find their partner


@dataclass(frozen=True, repr=False)  # a failure prints it
class Sample:
    """One good message of every topic, and where the sensors are."""

    messages: dict
    robot: RobotModel
    T_world_camera: np.ndarray
    T_world_lidar: np.ndarray


def sample():
    camera, lidar = CameraConfig(width=160, height=120), LidarConfig(rays=600)
    cell = SimulatedCell(SimulationConfig(count=3, seed=1, camera=camera, lidar=lidar))
    cell.step(0.1)
    frame, scan, (left, right) = cell.camera_frame(), cell.lidar_scan(), cell.tactile()
    messages = {
        'color': to_image(frame.color, 'rgb8', 1.0, 'camera'),
        'depth': to_depth_image(frame.depth_m, 1.0, 'camera'),
        'info': to_camera_info(frame.intrinsics, 160, 120, 1.0, 'camera'),
        'lidar': to_xyz_cloud(scan.points_m, 1.0, 'lidar'),
        'left': _taxels(left),
        'right': _taxels(right),
        'wrench': to_wrench(cell.wrench(), 'hand'),
        'joints': to_joint_state(cell.joints()),
    }
    robot = RobotModel(cell.description)
    cell.close()
    return Sample(messages, robot, frame.T_world_camera, scan.T_world_lidar)


def _taxels(reading):
    columns = np.hstack([reading.points_m, reading.forces_n]).T
    return to_cloud(dict(zip(TAXEL_FIELDS, columns, strict=True)), 1.0, 'pad')


class Receiver:
    """Feeds mutated messages to a world model; counts those that it refused."""

    def __init__(self, given: Sample) -> None:
        self.sample = given
        self.model = WorldModel(WorldModelConfig(), given.robot)
        self.pairing = StampSynchronizer(('color', 'depth'))
        self.intrinsics = from_camera_info(given.messages['info'])
        self.now_s = 10.0
        self.refused = self.taken = self.objects = 0

    def run(self, random: Random, count: int) -> None:
        """`count` messages, and an update after every few."""
        topics = list(self.sample.messages)
        for index in range(count):
            self.now_s += PERIOD_S
            topic = random.choice(topics)
            good = self.sample.messages[topic]
            good.header.stamp = to_stamp(SHARED_S * int(self.now_s / SHARED_S))
            try:
                self.take(topic, mutated(good, random))
                self.taken += 1
            except BadInputError as error:
                assert str(error).strip()
                self.refused += 1
            if index % UPDATE_EVERY == UPDATE_EVERY - 1:
                self.check()

    def take(self, topic: str, message) -> None:
        """As the node's callbacks."""
        if isinstance(message, CameraInfo):
            self.intrinsics = from_camera_info(message)
        elif isinstance(message, Image):
            self._picture(topic, message)
        elif isinstance(message, JointState):
            self.model.add_joints(from_joint_state(message))
        elif isinstance(message, PointCloud2):
            self._cloud(topic, message)
        else:
            self.model.add_wrench(from_wrench(message))

    def check(self) -> None:
        """What comes out is finite."""
        scene = self.model.update(self.now_s)
        assert np.isfinite(scene.cloud_m).all()
        assert np.isfinite(scene.normals).all()
        assert np.isfinite(scene.table_height_m)
        for o in scene.objects:
            for values in (o.T_world_object, o.pose_covariance, o.twist, o.points_m):
                assert np.isfinite(values).all()
            assert (np.linalg.eigvalsh(o.pose_covariance) > 0.0).all()
        for p in self.model.predict():
            assert np.isfinite(p.T_world_object).all()
            assert np.isfinite(p.pose_covariance).all()
        self.objects = max(self.objects, len(scene.objects))

    def _picture(self, topic: str, message: Image) -> None:
        picture = to_color_frame(message) if topic == 'color' else to_depth_frame(message)
        pair = self.pairing.add(topic, picture.stamp_s, picture)
        if pair is not None:
            T = self.sample.T_world_camera
            self.model.add_camera(to_camera_frame(*pair, self.intrinsics, T))

    def _cloud(self, topic: str, message: PointCloud2) -> None:
        if topic == 'lidar':
            self.model.add_lidar(to_lidar_scan(message, self.sample.T_world_lidar))
        else:
            self.model.add_tactile(to_tactile_reading(message, topic))
