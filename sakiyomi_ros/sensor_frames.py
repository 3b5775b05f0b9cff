"""Where the sensors are, from the robot description and the joints instead of tf."""

from __future__ import annotations

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_description import RobotDescription
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.sensing import JointReading


class SensorFrames:
    """`T_world_frame` of the frame that a header names."""

    def __init__(self, description: RobotDescription, robot: RobotModel):
        self.description = description
        self.robot = robot
        self._joints: JointReading | None = None
        self._fixed: dict[str, np.ndarray | None] = {}

    def update(self, joints: JointReading) -> None:
        """Take over the newest joint positions."""
        self._joints = joints

    def pose(self, frame: str) -> np.ndarray:
        """`T_world_frame` now. Shape (4, 4).

        Raises:
            BadInputError: the description has no such frame, or it moves and no joint state came.
        """
        if frame not in self._fixed:
            self._fixed[frame] = self._fixed_pose(frame)
        T_world_frame = self._fixed[frame]
        return self._moving_pose(frame) if T_world_frame is None else T_world_frame

    def _fixed_pose(self, frame: str) -> np.ndarray | None:
        if frame not in self.description.link_names:
            raise BadInputError(f'frame_id: got {frame!r}, which is no link of the description')
        try:
            return self.description.fixed_pose(frame)
        except BadInputError:
            return None  # a moving joint lies between

    def _moving_pose(self, frame: str) -> np.ndarray:
        if self._joints is None:
            raise BadInputError(f'frame {frame!r}: it moves and no joint state has arrived')
        q, _, finger_width_m = self.robot.joint_vector(self._joints)
        return self.robot.frame_pose(frame, q, finger_width_m)
