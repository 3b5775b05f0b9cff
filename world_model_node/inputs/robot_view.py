"""The robot in the world model: the state of its hand, and the mask of its own points."""

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
    """A robot model, which may be absent, with joints, which may belong to another robot."""

    def __init__(self, robot: RobotModel | None, config: TouchConfig) -> None:
        self.robot = robot
        self.config = config
        self.filter = None if robot is None else SelfFilter(robot, SelfFilterConfig())

    def hand(self, snapshot: Snapshot, joints: JointReading | None) -> HandState | None:
        """Compute the hand state from joints and the newest taxels, or None without joints."""
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
        """Compute the pose (4, 4) of the frame between the finger tips, or None without joints."""
        state = self._state(joints)
        if self.robot is None or state is None:
            return None
        return self.robot.frame_pose(self.robot.config.gripper.grasp_frame, *state)

    def _contacts(
        self, snapshot: Snapshot, q: np.ndarray, width: float
    ) -> tuple[ContactPatch, ...]:
        frames = self.robot.config.sensors.pad_frames.values()
        found = [
            pad_contact_patch(reading, self.robot.frame_pose(frame, q, width), self.config)
            for reading, frame in zip(snapshot.tactile, frames, strict=True)
            if pad_force(reading) > self.config.contact_force_n
        ]
        return tuple(c for c in found if c is not None)

    def mask_robot_points(self, points: np.ndarray, joints: JointReading | None) -> np.ndarray:
        """Return the mask (N,) of the (N, 3) world points that lie on or in the robot's links."""
        state = self._state(joints)
        if self.filter is None or state is None or not len(points):
            return np.zeros(len(points), bool)
        return self.filter.mask(points, *state)

    def _state(self, joints: JointReading | None) -> tuple[np.ndarray, float] | None:
        if self.robot is None or joints is None:
            return None
        try:
            q, _, width = self.robot.joint_vector(joints)
        except BadInputError:  # the joints on the topic belong to another robot
            return None
        return q, width
