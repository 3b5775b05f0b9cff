"""Which stream paints which part of the page. Free of ROS: it takes what was converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import ObjectState, Prediction
from sakiyomi.sensing import JointReading
from viewer_node.page import Page
from viewer_node.panels.status import NodeTimes

NODES = ('world_model', 'planner', 'simulation')
RATED = {  # streams whose rates the page shows, by what it calls them
    'camera/color/image_raw': 'camera',
    'lidar/points': 'LiDAR',
    'tactile/left': 'touch',
    'joint_states': 'joints',
    'world_model/objects': 'objects',
    'world_model/predictions': 'predictions',
}


class Frames(Protocol):
    """Where the links named in headers are."""

    def pose(self, frame: str) -> np.ndarray:
        """`T_world_frame` (4, 4)."""

    def update(self, joints: JointReading) -> None:
        """Take over the newest joints."""


class PageUpdater:
    """Remembers between streams what one needs of another."""

    def __init__(self, page: Page, robot: RobotModel, frames: Frames):
        self._page, self._robot, self._frames = page, robot, frames
        self.objects: tuple[ObjectState, ...] = ()
        self._times: dict[str, NodeTimes] = {}
        self._updates: dict[str, Callable[[Any], None]] = {
            'joint_states': self._joints,
            'camera/camera_info': lambda info: self._camera(*info),
            'camera/color/image_raw': page.show_image,
            'tactile/left': page.show_touch,
            'tactile/right': page.show_touch,
            'world_model/cloud': lambda cloud: page.show_cloud(*cloud),
            'world_model/contacts': page.show_contacts,
            'world_model/objects': self._tracked,
            'world_model/predictions': self._predictions,
            'planner/grasp': page.show_grasp,
            'planner/path': page.show_path,
            **{f'{node}/processing_time': self._note_times for node in NODES},
        }
        page.show_robot(robot.link_poses(robot.q_home))
        lidar = robot.config.sensors.lidar_frame
        if robot.model.existFrame(lidar):
            page.place_lidar(frames.pose(lidar))

    def update(self, topic: str, value: Any) -> None:
        """Show what came on a topic; topics without a picture are let pass."""
        update = self._updates.get(topic)
        if update is not None:
            update(value)

    def show_times(self, rates_hz: dict[str, float]) -> None:
        """The processing times and the rates of the streams, in a fixed order."""
        times = [self._times[node] for node in NODES if node in self._times]
        shown = {name: rates_hz[topic] for topic, name in RATED.items() if topic in rates_hz}
        self._page.show_times(times, shown)

    def reset(self) -> None:
        """Drop figures that may have grown old."""
        self._times.clear()

    def _joints(self, reading: JointReading) -> None:
        self._frames.update(reading)
        q, _, finger_width_m = self._robot.joint_vector(reading)
        self._page.show_robot(self._robot.link_poses(q, finger_width_m))

    def _camera(self, frame: str, K: np.ndarray, shape: tuple[int, int]) -> None:
        self._page.place_camera(self._frames.pose(frame), K, shape)

    def _tracked(self, objects: tuple[ObjectState, ...]) -> None:
        self.objects = objects
        self._page.show_objects(objects)

    def _predictions(self, predictions: tuple[Prediction, ...]) -> None:
        self._page.show_predictions(predictions, self.objects)

    def _note_times(self, times: NodeTimes) -> None:
        self._times[times.node] = times
