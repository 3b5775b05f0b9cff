"""A hand without an arm, for the world model: its pose takes the place of the arm's joints."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import inverse, make_transform
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.sensing import JointReading
from simulation_node.cell import SimulatedCell

POSE_NAMES = tuple(f'hand_{axis}' for axis in ('x', 'y', 'z', 'rx', 'ry', 'rz'))
R_DOWN = np.diag([1.0, -1.0, -1.0])  # turns are counted from here, so that they interpolate


class FreeHand:
    """What the world model asks of a RobotModel, where q is the hand's pose (6,).

    Args:
        robot: the arm that carries the same hand.
    """

    def __init__(self, robot: RobotModel) -> None:
        self._robot, self._home = robot, robot.q_home
        self.model, self.config = robot.model, robot.config
        self._hand_link = robot.config.gripper.hand_link
        self.finger_joint_names = robot.finger_joint_names
        below = _frames_below(robot, self._hand_link)
        self.links = tuple(link for link in robot.links if link.name in below)
        self._T_hand_world = inverse(robot.frame_pose(self._hand_link, self._home))

    def measure(self, cell: SimulatedCell) -> JointReading:
        """The pose and the fingers of the hand in a cell at this instant."""
        return self.reading(cell.world.robot.link_pose(self._hand_link), cell.joints())

    def reading(self, T_world_hand: np.ndarray, fingers: JointReading) -> JointReading:
        """The hand's pose and its fingers as one joint reading."""
        rotation = Rotation.from_matrix(T_world_hand[:3, :3] @ R_DOWN.T).as_rotvec()
        pose = np.concatenate([T_world_hand[:3, 3], rotation])
        position = np.concatenate([pose, fingers.position])
        velocity = np.concatenate([np.zeros(6), fingers.velocity])
        return JointReading(fingers.stamp_s, POSE_NAMES + fingers.names, position, velocity)

    def joint_vector(self, reading: JointReading) -> tuple[np.ndarray, np.ndarray, float]:
        """The hand's pose (6,), its rate (6,) and the opening [m] from a reading.

        Raises:
            BadInputError: it lacks the pose or a finger.
        """
        index = {name: i for i, name in enumerate(reading.names)}
        missing = [n for n in POSE_NAMES + self.finger_joint_names if n not in index]
        if missing:
            raise BadInputError(f'joint reading: got {list(reading.names)}, lacks {missing}')
        pose = [index[name] for name in POSE_NAMES]
        fingers = [index[name] for name in self.finger_joint_names]
        width = float(np.sum(reading.position[fingers]))
        return reading.position[pose], reading.velocity[pose], width

    def frame_pose(
        self, frame: str, q: np.ndarray, finger_width_m: float | None = None
    ) -> np.ndarray:
        """T_world_frame of a frame of the hand. Shape (4, 4)."""
        return self._T_world_robot(q) @ self._robot.frame_pose(frame, self._home, finger_width_m)

    def link_poses(
        self, q: np.ndarray, finger_width_m: float | None = None
    ) -> dict[str, np.ndarray]:
        """T_world_link of every frame, by name; those of the arm mean nothing."""
        T = self._T_world_robot(q)
        poses = self._robot.link_poses(self._home, finger_width_m)
        return {name: T @ pose for name, pose in poses.items()}

    def _T_world_robot(self, q: np.ndarray) -> np.ndarray:
        R = Rotation.from_rotvec(q[3:]).as_matrix() @ R_DOWN
        return make_transform(R, q[:3]) @ self._T_hand_world


def _frames_below(robot: RobotModel, link: str) -> set[str]:
    """The names of the frames that move with `link`, or on it."""
    model = robot.model
    hand = model.frames[model.getFrameId(link)]
    fingers = {model.getJointId(name) for name in robot.finger_joint_names}
    names = {link}
    names |= {f.name for f in model.frames if f.parentJoint in fingers}
    names |= {f.name for f in model.frames if f.parentFrame == model.getFrameId(hand.name)}
    return names
