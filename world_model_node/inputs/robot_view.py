"""The robot as the world model needs it: its hand, and which points are its own body."""

from __future__ import annotations

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.robot.self_filter import SelfFilter, SelfFilterConfig
from sakiyomi.sensing import JointReading
from world_model_node.config import TouchConfig
from world_model_node.inputs.contacts import ContactPatch, pad_contact_patch
from world_model_node.inputs.hand_state import HandState, pad_force
from world_model_node.inputs.sensor_inputs import Snapshot


class RobotView:
    """A robot model that may be absent, and joints that may not be its own."""

    def __init__(self, robot: RobotModel | None, config: TouchConfig) -> None:
        self.robot = robot
        self.config = config
        self.filter = None if robot is None else SelfFilter(robot, SelfFilterConfig())

    def hand(self, snapshot: Snapshot, joints: JointReading | None) -> HandState | None:
        """The hand as these joints and the newest taxels tell, or None without joints."""
        state = self._state(joints)
        if self.robot is None or state is None:
            return None
        q, width = state
        gripper, sensors = self.robot.config.gripper, self.robot.config.sensors
        T = self.robot.frame_pose(gripper.grasp_frame, q, width)
        force = np.array([pad_force(reading) for reading in snapshot.tactile])
        contacts = self._contacts(snapshot, q, width)
        T_wrench = self.robot.frame_pose(gripper.hand_link, q, width)
        frames = sensors.pad_frames.values()
        pads = [self.robot.frame_pose(frame, q, width)[:3, :3] for frame in frames]
        R_hand_pads = T[:3, :3].T @ np.stack(pads)
        shape = self.robot.config.hand
        return HandState(
            joints.stamp_s, T, width, force, contacts, T_wrench, R_hand_pads, geometry=shape
        )

    def grasp_pose(self, joints: JointReading | None) -> np.ndarray | None:
        """Of the frame between the finger tips (4, 4), or None without joints."""
        state = self._state(joints)
        if self.robot is None or state is None:
            return None
        return self.robot.frame_pose(self.robot.config.gripper.grasp_frame, *state)

    def _contacts(
        self, snapshot: Snapshot, q: np.ndarray, width: float
    ) -> tuple[ContactPatch, ...]:
        min_force_n = self.config.contact_force_n
        frames = self.robot.config.sensors.pad_frames.values()
        found = [
            pad_contact_patch(reading, self.robot.frame_pose(frame, q, width), min_force_n)
            for reading, frame in zip(snapshot.tactile, frames, strict=True)
            if pad_force(reading) > min_force_n
        ]
        return tuple(c for c in found if c is not None)

    def mask_robot_points(self, points: np.ndarray, joints: JointReading | None) -> np.ndarray:
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
