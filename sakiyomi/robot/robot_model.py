"""Kinematics and geometry of the arm and its two-finger hand, read from a URDF with pinocchio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pinocchio as pin

from sakiyomi.errors import BadInputError
from sakiyomi.robot import inverse_kinematics
from sakiyomi.robot.hand_geometry import HandGeometry
from sakiyomi.robot.kinematic_chain import KinematicChain
from sakiyomi.robot.link_geometry import LinkGeometry, read_link_geometry
from sakiyomi.robot.robot_config import RobotConfig
from sakiyomi.sensing import JointReading


class HasUrdf(Protocol):
    """A URDF with absolute mesh paths and its robot file, such as a RobotDescription."""

    urdf_xml: str
    config: RobotConfig


@dataclass
class RobotModel:
    """Forward and inverse kinematics, limits and link geometry of one arm."""

    description: HasUrdf

    def __post_init__(self) -> None:
        """Parse the URDF.

        Raises:
            BadInputError: it does not parse, or lacks a joint or frame of the robot file.
        """
        self.config = self.description.config
        arm, gripper = self.config.arm, self.config.gripper
        self.model = _parse(self.description.urdf_xml)
        self._require(self.config)
        self.data = self.model.createData()
        self.arm_joint_names, self.finger_joint_names = arm.joints, gripper.finger_joints
        self._arm = self._position_indices(arm.joints)
        self._fingers = self._position_indices(gripper.finger_joints)
        lower, upper = self.model.lowerPositionLimit, self.model.upperPositionLimit
        self.q_lower = np.maximum(lower[self._arm], arm.q_lower)
        self.q_upper = np.minimum(upper[self._arm], arm.q_upper)
        self.q_home = np.array(arm.q_home)
        self.dq_max, self.ddq_max = np.array(arm.dq_max), np.array(arm.ddq_max)
        self.max_finger_width_m = float(upper[self._fingers].sum())
        self.chain = KinematicChain(self.model, arm.joints, gripper.grasp_frame)
        geometry = read_link_geometry(self.model, self.description.urdf_xml)
        self.links, self.fixed_geometry = _split(geometry, arm.base_link)

    @property
    def hand(self) -> HandGeometry:
        """The shape of the hand."""
        return self.config.hand

    def configuration(self, q: np.ndarray, finger_width_m: float | None = None) -> np.ndarray:
        """Pinocchio's configuration for arm angles [rad] and an opening [m]; None for the widest.

        The same holds for the opening in the other methods.
        """
        if finger_width_m is None:
            finger_width_m = self.hand.max_opening_m
        full = pin.neutral(self.model)
        full[self._arm] = q
        full[self._fingers] = finger_width_m / max(len(self._fingers), 1)
        return full

    def frame_pose(
        self, frame: str, q: np.ndarray, finger_width_m: float | None = None
    ) -> np.ndarray:
        """T_world_frame of a link or frame of the URDF. Shape (4, 4).

        Raises:
            BadInputError: the URDF has no such frame.
        """
        if not self.model.existFrame(frame):
            known = ', '.join(f.name for f in self.model.frames)
            raise BadInputError(f'frame: got {frame!r}, expected one of {known}')
        pin.forwardKinematics(self.model, self.data, self.configuration(q, finger_width_m))
        return pin.updateFramePlacement(
            self.model, self.data, self.model.getFrameId(frame)
        ).homogeneous

    def grasp_pose(self, q: np.ndarray) -> np.ndarray:
        """T_world_grasp for arm angles. (n,) -> (4, 4) or (B, n) -> (B, 4, 4)."""
        poses = self.chain.forward(np.atleast_2d(q))
        return poses if np.ndim(q) == 2 else poses[0]

    def link_poses(
        self, q: np.ndarray, finger_width_m: float | None = None
    ) -> dict[str, np.ndarray]:
        """T_world_link of every frame of the URDF, by name."""
        configuration = self.configuration(q, finger_width_m)
        pin.framesForwardKinematics(self.model, self.data, configuration)
        return {
            frame.name: placement.homogeneous
            for frame, placement in zip(self.model.frames, self.data.oMf, strict=True)
            if frame.type in (pin.FrameType.BODY, pin.FrameType.FIXED_JOINT)
        }

    def collision_meshes(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Vertices (V, 3) [m], triangles (F, 3) of the base and each moving link, link frame."""
        return {link.name: (link.vertices_m, link.triangles) for link in self.links}

    def joint_vector(self, reading: JointReading) -> tuple[np.ndarray, np.ndarray, float]:
        """Arm angles [rad], arm speeds [rad/s] and finger opening [m] from a joint reading.

        Raises:
            BadInputError: a joint of the arm or hand is not in the reading.
        """
        index = {name: i for i, name in enumerate(reading.names)}
        missing = [n for n in self.arm_joint_names + self.finger_joint_names if n not in index]
        if missing:
            raise BadInputError(f'joint reading: got {list(reading.names)}, lacks {missing}')
        arm = [index[name] for name in self.arm_joint_names]
        fingers = [index[name] for name in self.finger_joint_names]
        width = float(np.sum(np.asarray(reading.position)[fingers]))
        return np.asarray(reading.position)[arm], np.asarray(reading.velocity)[arm], width

    def inverse_kinematics(
        self, T_world_grasp: np.ndarray, q_seed: np.ndarray | None = None, restarts: int = 8
    ) -> np.ndarray | None:
        """A solution close to `q_seed` (home when None), or None when none is found."""
        q_seed = self.q_home if q_seed is None else q_seed
        q = self.solve_from_seed(T_world_grasp, q_seed)
        if q is not None:
            return q
        solutions = self.inverse_kinematics_all(T_world_grasp, q_seed, restarts)
        return solutions[0] if len(solutions) else None

    def inverse_kinematics_all(
        self, T_world_grasp: np.ndarray, q_seed: np.ndarray | None = None, restarts: int = 8
    ) -> np.ndarray:
        """Distinct solutions, nearest to `q_seed` first. Shape (K, n), K may be 0."""
        return self.inverse_kinematics_many(T_world_grasp[None], q_seed, restarts)[0]

    def inverse_kinematics_many(
        self, T_world_grasp: np.ndarray, q_seed: np.ndarray | None = None, restarts: int = 8
    ) -> list[np.ndarray]:
        """For each of (N, 4, 4) targets its solutions as in `inverse_kinematics_all`."""
        q_seed = self.q_home if q_seed is None else np.asarray(q_seed, dtype=float)
        starts = self._starting_points(q_seed, restarts)  # (S, n)
        n, count = len(T_world_grasp), len(starts)
        q, converged = inverse_kinematics.solve(
            self.chain,
            np.repeat(T_world_grasp, count, axis=0),
            np.tile(starts, (n, 1)),
            self.q_lower,
            self.q_upper,
        )
        q, converged = q.reshape(n, count, -1), converged.reshape(n, count)
        return [_nearest_first(q[i, converged[i]], q_seed) for i in range(n)]

    def solve_from_seed(
        self, T_world_grasp: np.ndarray, q_previous: np.ndarray
    ) -> np.ndarray | None:
        """The solution reached from `q_previous` alone, close to it, or None."""
        q = self.solve_from_seeds(T_world_grasp[None], np.asarray(q_previous, dtype=float)[None])
        return None if q is None else q[0]

    def solve_from_seeds(self, T_world_grasp: np.ndarray, q_near: np.ndarray) -> np.ndarray | None:
        """`follow` for (B, 4, 4) targets from as many points (B, n) at once; None if one fails."""
        q, converged = inverse_kinematics.solve(
            self.chain, T_world_grasp, q_near, self.q_lower, self.q_upper, iterations=15
        )
        return q if converged.all() else None

    def _starting_points(self, q_seed: np.ndarray, restarts: int) -> np.ndarray:
        """The seed, home, then random points around them, the same ones every time."""
        rng = np.random.default_rng(restarts)
        near = q_seed + rng.normal(0.0, 0.5, (restarts // 2, len(q_seed)))
        far = rng.uniform(self.q_lower, self.q_upper, (restarts - restarts // 2, len(q_seed)))
        return np.vstack([q_seed, self.q_home, near, far])

    def _position_indices(self, names: tuple[str, ...]) -> np.ndarray:
        return np.array([self.model.joints[self.model.getJointId(n)].idx_q for n in names], int)

    def _require(self, config: RobotConfig) -> None:
        for name in config.arm.joints + config.gripper.finger_joints:
            if not self.model.existJointName(name):
                known = ', '.join(list(self.model.names)[1:])
                raise BadInputError(f'joint: got {name!r}, the URDF has {known}')
        gripper = config.gripper
        for name in (config.arm.base_link, gripper.grasp_frame, gripper.hand_link):
            if not self.model.existFrame(name):
                raise BadInputError(f'frame {name!r}: not in the URDF')


def _parse(urdf_xml: str) -> pin.Model:
    try:
        return pin.buildModelFromXML(urdf_xml)
    except (ValueError, RuntimeError) as error:
        raise BadInputError(f'URDF: {" ".join(str(error).split())}') from error


def _split(
    geometry: tuple[LinkGeometry, ...], base_link: str
) -> tuple[tuple[LinkGeometry, ...], tuple[LinkGeometry, ...]]:
    """What belongs to the robot (its base and all that moves), and the fixed work-cell."""
    robot = tuple(g for g in geometry if g.joint_id > 0 or g.name == base_link)
    return robot, tuple(g for g in geometry if g not in robot)


def _nearest_first(q: np.ndarray, q_seed: np.ndarray) -> np.ndarray:
    q = q[np.argsort(np.linalg.norm(q - q_seed, axis=1), kind='stable')]
    kept: list[np.ndarray] = []
    for candidate in q:
        if all(np.abs(candidate - other).max() > 0.05 for other in kept):
            kept.append(candidate)
    return np.array(kept).reshape(-1, len(q_seed))
