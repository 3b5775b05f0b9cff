"""The robot as the world model needs it: its hand, and which points are its own body."""

from __future__ import annotations

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.robot_model import RobotModel
from sakiyomi.self_filter import SelfFilter
from sakiyomi.sensing import JointReading
from world_model_node.config import TouchConfig
from world_model_node.inputs import Snapshot
from world_model_node.touch import HandState, pad_force


class RobotView:
    """A robot model that may be absent, and joints that may not be its own."""

    def __init__(self, robot: RobotModel | None, config: TouchConfig) -> None:
        self.robot = robot
        self.config = config
        self.filter = None if robot is None else SelfFilter(robot)

    def hand(self, snapshot: Snapshot) -> HandState | None:
        """The hand as the newest joints and taxels tell, or None without joints."""
        state = self._state(snapshot.joints)
        if self.robot is None or state is None:
            return None
        q, width = state
        T = self.robot.frame_pose(self.config.grasp_frame, q, width)
        force = np.array([pad_force(reading) for reading in snapshot.tactile])
        return HandState(snapshot.joints.stamp_s, T, width, force)

    def covers(self, points: np.ndarray, joints: JointReading | None) -> np.ndarray:
        """Which of (N, 3) world points lie on or in the robot's links. Shape (N,)."""
        state = self._state(joints)
        if self.filter is None or state is None or not len(points):
            return np.zeros(len(points), bool)
        return self.filter.mask(points, *state)

    def _state(self, joints: JointReading | None) -> tuple[np.ndarray, float] | None:
        if self.robot is None or joints is None:
            return None
        try:
            q, _, width = self.robot.joint_vector(joints)
        except BadInputError:  # another robot's joints on the topic: as good as none
            return None
        return q, width
