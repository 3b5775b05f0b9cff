"""The robot's body in the physics engine: joints, links, pad contacts and wrist wrench."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from sakiyomi.constants import GRAVITY_MPS2
from sakiyomi.geometry import from_xyz_quat, from_xyz_rpy, inverse, quat_xyzw
from sakiyomi.robot.robot_description import RobotDescription
from simulation_node.config import PHYSICS_HZ

ARM_POSITION_GAIN, ARM_VELOCITY_GAIN = 0.4, 1.0
PAD_CONTACT = {
    'lateralFriction': 1.0,
    'spinningFriction': 0.1,
    'contactStiffness': 30000.0,
    'contactDamping': 1000.0,
    'frictionAnchor': 1,
}
FINGER_RECESS_M = 0.0012  # the engine's collision margin around meshes and 0.2 mm
GEAR_FORCE_N = 100.0
HAND_MOUNT_FORCE_N = 300.0  # largest force of the constraint that holds a hand without arm
HAND_HOME = from_xyz_rpy([0.30, 0.0, 0.60], [np.pi, 0.0, 0.0])


class RobotBody:
    """The arm with its hand, or the hand alone, held in the air.

    Args:
        client: the world's PyBullet client.
        urdf: the physics URDF of the arm or the hand.
        description: the whole robot.
        hand_only: the URDF is the hand's.
        wrench_bandwidth_hz: low-pass of the wrist's sensor.
    """

    def __init__(
        self,
        client: Any,
        urdf: Path,
        description: RobotDescription,
        hand_only: bool,
        wrench_bandwidth_hz: float,
    ):
        self._p, self._description, self._hand_only = client, description, hand_only
        self._hand_link = description.config.gripper.hand_link
        self._pad_frames = description.config.sensors.pad_frames
        self._wrist_gain = 1.0 - np.exp(-2 * np.pi * wrench_bandwidth_hz / PHYSICS_HZ)
        self._wrist_load: np.ndarray | None = None
        self.uid = client.loadURDF(str(urdf), useFixedBase=not hand_only)
        self._links = link_indices(client, self.uid)
        arm = description.config.arm
        home = dict(zip(arm.joints, arm.q_home, strict=True))
        self._index_joints(home)
        self._set_pad_contact()
        self._couple_fingers()
        self._mount_hand()
        self.reset_arm(np.array([home[name] for name in self.arm_joints]))

    def _index_joints(self, arm: Collection[str]) -> None:
        infos = [self._p.getJointInfo(self.uid, i) for i in range(self._p.getNumJoints(self.uid))]
        moving = {info[1].decode(): info for info in infos if info[2] != self._p.JOINT_FIXED}
        self.arm_joints = tuple(n for n in moving if n in arm)
        self.finger_joints = tuple(n for n in moving if n not in arm)
        self.joint_names = tuple(moving)
        self._joints = [info[0] for info in moving.values()]
        self._arm = [moving[n][0] for n in self.arm_joints]
        self._fingers = [moving[n][0] for n in self.finger_joints]
        self._arm_forces = [moving[n][10] for n in self.arm_joints]

    def _set_pad_contact(self) -> None:
        """Give the pads their rubber skin."""
        fingers = {
            side: self._description.parent_of(pad) for side, pad in self._pad_frames.items()
        }
        self._finger_links = {
            side: (self._links[fingers[side]], self._links[pad])
            for side, pad in self._pad_frames.items()
        }
        for _, pad in self._finger_links.values():
            self._p.changeDynamics(self.uid, pad, **PAD_CONTACT)

    def _couple_fingers(self) -> None:
        """One motor moves both fingers: a gear keeps them symmetric."""
        left, right = self._fingers
        gear = self._p.createConstraint(
            self.uid, left, self.uid, right, self._p.JOINT_GEAR, [1, 0, 0], [0] * 3, [0] * 3
        )
        self._p.changeConstraint(gear, gearRatio=-1, erp=0.2, maxForce=GEAR_FORCE_N)

    def _mount_hand(self) -> None:
        """The wrist: a force sensor in the arm's last joint, or what holds the hand in the air."""
        dynamics = self._p.getDynamicsInfo(self.uid, self._links[self._hand_link])
        self._T_hand_com = from_xyz_quat(dynamics[3], dynamics[4])
        if not self._hand_only:
            self._p.enableJointForceTorqueSensor(self.uid, self._links[self._hand_link], True)
            return
        T_world_com = HAND_HOME @ self._T_hand_com
        self._p.resetBasePositionAndOrientation(
            self.uid, T_world_com[:3, 3], quat_xyzw(T_world_com)
        )
        zero = [0, 0, 0]
        self._mount = self._p.createConstraint(
            self.uid, -1, -1, -1, self._p.JOINT_FIXED, zero, zero, T_world_com[:3, 3]
        )
        self.drive_hand(HAND_HOME)

    def after_step(self) -> None:
        """Follow the wrist's load through the step just made."""
        load = self._wrist_reaction()
        previous = load if self._wrist_load is None else self._wrist_load
        self._wrist_load = previous + self._wrist_gain * (load - previous)

    def reset_arm(self, q: np.ndarray) -> None:
        """Set the arm's joints [rad] at once and open the fingers, at rest."""
        width_m = self._description.config.hand.max_opening_m
        for joint, value in zip(self._arm, q, strict=True):
            self._p.resetJointState(self.uid, joint, value)
        for joint in self._fingers:
            self._p.resetJointState(self.uid, joint, width_m / 2)

    def drive_arm(self, q: np.ndarray, dq: np.ndarray) -> None:
        """Position control of the arm's joints within their force limits."""
        n = len(self._arm)
        self._p.setJointMotorControlArray(
            self.uid,
            self._arm,
            self._p.POSITION_CONTROL,
            targetPositions=q,
            targetVelocities=dq,
            forces=self._arm_forces,
            positionGains=[ARM_POSITION_GAIN] * n,
            velocityGains=[ARM_VELOCITY_GAIN] * n,
        )

    def drive_hand(self, T_world_hand: np.ndarray) -> None:
        """Pull the free hand to a pose."""
        T_world_com = T_world_hand @ self._T_hand_com
        self._p.changeConstraint(
            self._mount, T_world_com[:3, 3], quat_xyzw(T_world_com), maxForce=HAND_MOUNT_FORCE_N
        )

    def reset_hand(self, T_world_hand: np.ndarray, width_m: float) -> None:
        """Set the free hand's pose and the fingers' opening at once, at rest."""
        T_world_com = T_world_hand @ self._T_hand_com
        self._p.resetBasePositionAndOrientation(
            self.uid, T_world_com[:3, 3], quat_xyzw(T_world_com)
        )
        self._p.resetBaseVelocity(self.uid, [0, 0, 0], [0, 0, 0])
        for joint in self._fingers:
            self._p.resetJointState(self.uid, joint, width_m / 2)
        self.drive_hand(T_world_hand)

    def drive_fingers(self, width_m: float, force_n: float) -> None:
        """Push both fingers towards an opening, each no harder than `force_n`."""
        self._p.setJointMotorControlArray(
            self.uid,
            self._fingers,
            self._p.POSITION_CONTROL,
            targetPositions=[width_m / 2] * 2,
            forces=[force_n] * 2,
        )

    def joint_state(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n,) and velocities (n,) of `joint_names`."""
        states = self._p.getJointStates(self.uid, self._joints)
        return np.array([s[0] for s in states]), np.array([s[1] for s in states])

    def arm_q(self) -> np.ndarray:
        """The arm's joints (7,) rad; (0,) where there is no arm."""
        if not self._arm:
            return np.zeros(0)
        return np.array([s[0] for s in self._p.getJointStates(self.uid, self._arm)])

    def finger_width_m(self) -> float:
        """The opening between the pads."""
        return float(sum(s[0] for s in self._p.getJointStates(self.uid, self._fingers)))

    def link_poses(self) -> dict[str, np.ndarray]:
        """`T_world_link` of every link."""
        base, *names = self._links  # the base comes first
        indices = [self._links[name] for name in names]
        states = self._p.getLinkStates(self.uid, indices, computeForwardKinematics=1)
        poses = {name: from_xyz_quat(s[4], s[5]) for name, s in zip(names, states, strict=True)}
        return {base: self._base_pose()} | poses

    def link_pose(self, link: str) -> np.ndarray:
        """`T_world_link` of one of the robot's links."""
        if self._links[link] == -1:
            return self._base_pose()
        state = self._p.getLinkState(self.uid, self._links[link], computeForwardKinematics=1)
        return from_xyz_quat(state[4], state[5])

    def finger_contacts(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Contact points (n, 3) m and the forces (n, 3) N on that finger, world frame."""
        contacts = [
            contact
            for link in self._finger_links[side]
            for contact in self._p.getContactPoints(bodyA=self.uid, linkIndexA=link)
        ]
        points = np.array([c[5] for c in contacts]).reshape(-1, 3)
        return points, np.array([_force_on_a(c) for c in contacts]).reshape(-1, 3)

    def wrench(self) -> np.ndarray:
        """The load on the hand (6,) at its origin, its own weight taken off, hand frame."""
        T_world_hand = self.link_pose(self._hand_link)
        R = T_world_hand[:3, :3]
        held = np.zeros(6) if self._wrist_load is None else -self._wrist_load
        load = _shift_wrench(held, self._T_hand_com[:3, 3])
        for index in [self._links[self._hand_link], *self._fingers]:
            mass = self._p.getDynamicsInfo(self.uid, index)[0]
            at = R.T @ (self._center_of_mass(index) - T_world_hand[:3, 3])
            weight = R.T @ [0.0, 0.0, -GRAVITY_MPS2 * mass]
            load -= _shift_wrench(np.concatenate([weight, np.zeros(3)]), at)
        return load

    def _center_of_mass(self, index: int) -> np.ndarray:
        if index == -1:
            return np.array(self._p.getBasePositionAndOrientation(self.uid)[0])
        return np.array(self._p.getLinkState(self.uid, index)[0])

    def _wrist_reaction(self) -> np.ndarray:
        """Force and torque (6,) that the wrist exerts at the hand's centre of mass, hand frame."""
        if self._hand_only:
            # the engine gives a constraint's force in the world and its torque in the body's frame
            load = np.array(self._p.getConstraintState(self._mount))
            return np.concatenate([self._base_pose()[:3, :3].T @ load[:3], load[3:]])
        return np.array(self._p.getJointState(self.uid, self._links[self._hand_link])[2])

    def _base_pose(self) -> np.ndarray:
        dynamics = self._p.getDynamicsInfo(self.uid, -1)
        T_base_com = from_xyz_quat(dynamics[3], dynamics[4])
        return from_xyz_quat(*self._p.getBasePositionAndOrientation(self.uid)) @ inverse(
            T_base_com
        )


def link_indices(client: Any, uid: int) -> dict[str, int]:
    """The engine's index of every link by name; the base, -1, comes first."""
    infos = [client.getJointInfo(uid, i) for i in range(client.getNumJoints(uid))]
    base = client.getBodyInfo(uid)[0].decode()
    return {base: -1} | {info[12].decode(): info[0] for info in infos}


def finger_shape_offsets(description: RobotDescription) -> dict[str, np.ndarray]:
    """Shifts (3,) [m] that set the fingers' own shapes back, so that objects meet the pads."""
    fingers = {
        pad: description.parent_of(pad) for pad in description.config.sensors.pad_frames.values()
    }
    return {
        finger: FINGER_RECESS_M * description.fixed_pose(pad, finger)[:3, 2]
        for pad, finger in fingers.items()
    }


def _force_on_a(contact: tuple) -> np.ndarray:
    normal, f, f1, d1, f2, d2 = (np.asarray(contact[i]) for i in (7, 9, 10, 11, 12, 13))
    return normal * f + f1 * d1 + f2 * d2


def _shift_wrench(wrench: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A (6,) wrench that acts at the point `at` (3,), taken about the frame's origin."""
    return np.concatenate([wrench[:3], wrench[3:] + np.cross(at, wrench[:3])])
