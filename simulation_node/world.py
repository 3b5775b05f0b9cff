"""The physics: one PyBullet client per world. The only module that imports pybullet."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import from_xyz_quat, from_xyz_rpy, inverse, quat_xyzw
from sakiyomi.robot_description import RobotDescription
from simulation_node.config import HAND_LINK, PAD_LINKS, PHYSICS_HZ
from simulation_node.meshes import Shape, link_shape
from simulation_node.objects import ObjectModel, TrueObject
from simulation_node.physics_urdf import PhysicsUrdfs


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Swallow what the engine's C++ side prints."""
    _flush_all()
    saved, sink = [os.dup(fd) for fd in (1, 2)], os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        _flush_all()  # C's own buffers too, before the descriptors go back
        for fd, original in zip((1, 2), saved, strict=True):
            os.dup2(original, fd)
            os.close(original)
        os.close(sink)


def _flush_all() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)


with _quiet():
    import pybullet
    from pybullet_utils.bullet_client import BulletClient

GRAVITY_MPS2 = 9.81
SOLVER_ITERATIONS = 150
SURFACE_FRICTION = 1.0  # of table and bin: contact friction is then the object's own
ROLLING_FRICTION = 1e-4  # [m] so that round objects come to rest
ARM_POSITION_GAIN, ARM_VELOCITY_GAIN = 0.4, 1.0
PAD_CONTACT = {
    'lateralFriction': 1.0,
    'spinningFriction': 0.1,
    'contactStiffness': 30000.0,
    'contactDamping': 1000.0,
    'frictionAnchor': 1,
}
SET_BACK_M = 0.0012  # a little more than the engine's margin around meshes
GEAR_FORCE_N = 100.0
HAND_FORCE_N = 300.0  # that holds the hand where there is no arm
HAND_HOME = from_xyz_rpy([0.30, 0.0, 0.60], [np.pi, 0.0, 0.0])
TABLE_LINK = 'table'
ALL = -1  # collides with every group
BELT_MASS_KG = 1e4


@dataclass(frozen=True)
class Body:
    """One loaded object."""

    uid: int
    model: ObjectModel
    shape: Shape  # scaled
    T_object_com: np.ndarray  # (4, 4)


@dataclass(frozen=True)
class Belt:
    """The slab that stands in for a table whose surface runs."""

    uid: int
    center_m: np.ndarray  # (3,)
    velocity: np.ndarray  # (3,) m/s


class World:
    """Robot, surroundings and objects; steps of 1/240 s."""

    def __init__(
        self,
        description: RobotDescription,
        hand_only: bool = False,
        wrench_bandwidth_hz: float = 20.0,
    ):
        self.description, self.hand_only = description, hand_only
        self._folder = tempfile.TemporaryDirectory(prefix='sakiyomi_')
        self._wrist_gain = 1.0 - np.exp(-2 * np.pi * wrench_bandwidth_hz / PHYSICS_HZ)
        self._urdfs = PhysicsUrdfs(Path(self._folder.name))
        robot_root = HAND_LINK if hand_only else _arm_root(description)
        surroundings = description.without(_arm_root(description))
        robot = description.subtree(robot_root)
        self._robot_urdf = self._urdfs.of_robot('robot', robot, _pads_first(description))
        self._surroundings_urdf = self._urdfs.of_robot('surroundings', surroundings)
        self.link_shapes = {
            link.get('name'): link_shape(link, Path()) for link in description.root.findall('link')
        }
        with _quiet():
            self._p = BulletClient(connection_mode=pybullet.DIRECT)
        self.reset()

    def close(self) -> None:
        """Release the client and the temporary files."""
        self._p.disconnect()
        self._folder.cleanup()

    # ---- building

    def reset(self) -> None:
        """Everything as at the start: the robot at home, no objects."""
        self._p.resetSimulation()
        self._p.setGravity(0, 0, -GRAVITY_MPS2)
        self._p.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / PHYSICS_HZ,
            numSolverIterations=SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
        )
        self.bodies: dict[str, Body] = {}
        self._belt: Belt | None = None
        self._wrist_load: np.ndarray | None = None
        with _quiet():
            self._surroundings = self._p.loadURDF(str(self._surroundings_urdf), useFixedBase=True)
            self._robot = self._p.loadURDF(str(self._robot_urdf), useFixedBase=not self.hand_only)
        self._index_robot()
        self._index_surroundings()
        self._couple_fingers()
        self._mount_hand()
        self.put_arm(np.array([self.description.home[name] for name in self.arm_joints]))

    def _index_robot(self) -> None:
        infos = [
            self._p.getJointInfo(self._robot, i) for i in range(self._p.getNumJoints(self._robot))
        ]
        self._links = self._link_indices(self._robot)
        moving = {info[1].decode(): info for info in infos if info[2] != self._p.JOINT_FIXED}
        self.arm_joints = tuple(n for n in moving if n in self.description.home)
        self.finger_joints = tuple(n for n in moving if n not in self.description.home)
        self.joint_names = tuple(moving)
        self._joints = [info[0] for info in moving.values()]
        self._arm = [moving[n][0] for n in self.arm_joints]
        self._fingers = [moving[n][0] for n in self.finger_joints]
        self._arm_forces = [moving[n][10] for n in self.arm_joints]
        fingers = {side: _parent(self.description, pad) for side, pad in PAD_LINKS.items()}
        self._finger_links = {
            side: (self._links[fingers[side]], self._links[pad]) for side, pad in PAD_LINKS.items()
        }
        for _, pad in self._finger_links.values():
            self._p.changeDynamics(self._robot, pad, **PAD_CONTACT)

    def _index_surroundings(self) -> None:
        self._surrounding_links = self._link_indices(self._surroundings)
        for index in self._surrounding_links.values():
            self._p.changeDynamics(self._surroundings, index, lateralFriction=SURFACE_FRICTION)
        root = self.description.root_link
        self._fixed_links = {
            link: self.description.fixed_pose(link, root) for link in self._surrounding_links
        }

    def _link_indices(self, uid: int) -> dict[str, int]:
        infos = [self._p.getJointInfo(uid, i) for i in range(self._p.getNumJoints(uid))]
        base = self._p.getBodyInfo(uid)[0].decode()
        return {base: -1} | {info[12].decode(): info[0] for info in infos}

    def _couple_fingers(self) -> None:
        """One motor moves both fingers: a gear keeps them symmetric."""
        left, right = self._fingers
        gear = self._p.createConstraint(
            self._robot, left, self._robot, right, self._p.JOINT_GEAR, [1, 0, 0], [0] * 3, [0] * 3
        )
        self._p.changeConstraint(gear, gearRatio=-1, erp=0.2, maxForce=GEAR_FORCE_N)

    def _mount_hand(self) -> None:
        """The wrist: a force sensor in the arm's last joint, or what holds the hand in the air."""
        dynamics = self._p.getDynamicsInfo(self._robot, self._links[HAND_LINK])
        self._T_hand_com = from_xyz_quat(dynamics[3], dynamics[4])
        if not self.hand_only:
            self._p.enableJointForceTorqueSensor(self._robot, self._links[HAND_LINK], True)
            return
        T_world_com = HAND_HOME @ self._T_hand_com
        self._p.resetBasePositionAndOrientation(
            self._robot, T_world_com[:3, 3], quat_xyzw(T_world_com)
        )
        zero = [0, 0, 0]
        self._mount = self._p.createConstraint(
            self._robot, -1, -1, -1, self._p.JOINT_FIXED, zero, zero, T_world_com[:3, 3]
        )
        self.drive_hand(HAND_HOME)

    # ---- time

    def step(self) -> None:
        """Advance by 1/240 s."""
        if self._belt:
            self._run_belt()
        self._p.stepSimulation()
        load = self._wrist_reaction()
        past = load if self._wrist_load is None else self._wrist_load
        self._wrist_load = past + self._wrist_gain * (load - past)

    # ---- robot

    def put_arm(self, q: np.ndarray, width_m: float = 0.08) -> None:
        """Set the arm's joints [rad] and the fingers' opening at once, at rest."""
        for joint, value in zip(self._arm, q, strict=True):
            self._p.resetJointState(self._robot, joint, value)
        for joint in self._fingers:
            self._p.resetJointState(self._robot, joint, width_m / 2)

    def drive_arm(self, q: np.ndarray, dq: np.ndarray) -> None:
        """Position control of the arm's joints within their force limits."""
        n = len(self._arm)
        self._p.setJointMotorControlArray(
            self._robot,
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
            self._mount, T_world_com[:3, 3], quat_xyzw(T_world_com), maxForce=HAND_FORCE_N
        )

    def drive_fingers(self, width_m: float, force_n: float) -> None:
        """Push both fingers towards an opening, each no harder than `force_n`."""
        self._p.setJointMotorControlArray(
            self._robot,
            self._fingers,
            self._p.POSITION_CONTROL,
            targetPositions=[width_m / 2] * 2,
            forces=[force_n] * 2,
        )

    def joint_state(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (n,) and velocities (n,) of `joint_names`."""
        states = self._p.getJointStates(self._robot, self._joints)
        return np.array([s[0] for s in states]), np.array([s[1] for s in states])

    def arm_q(self) -> np.ndarray:
        """The arm's joints (7,) rad; (0,) where there is no arm."""
        if not self._arm:
            return np.zeros(0)
        return np.array([s[0] for s in self._p.getJointStates(self._robot, self._arm)])

    def finger_width_m(self) -> float:
        """The opening between the pads."""
        return float(sum(s[0] for s in self._p.getJointStates(self._robot, self._fingers)))

    def link_poses(self) -> dict[str, np.ndarray]:
        """`T_world_link` of every link, fixed surroundings included."""
        base, *names = self._links  # the base comes first
        indices = [self._links[name] for name in names]
        states = self._p.getLinkStates(self._robot, indices, computeForwardKinematics=1)
        moving = {n: from_xyz_quat(s[4], s[5]) for n, s in zip(names, states, strict=True)}
        return self._fixed_links | {base: self._base_pose(self._robot)} | moving

    def link_pose(self, link: str) -> np.ndarray:
        """`T_world_link` of one of the robot's links."""
        if self._links[link] == -1:
            return self._base_pose(self._robot)
        state = self._p.getLinkState(self._robot, self._links[link], computeForwardKinematics=1)
        return from_xyz_quat(state[4], state[5])

    def finger_contacts(self, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Contact points (n, 3) m and the forces (n, 3) N on that finger, world frame."""
        contacts = [
            contact
            for link in self._finger_links[side]
            for contact in self._p.getContactPoints(bodyA=self._robot, linkIndexA=link)
        ]
        points = np.array([c[5] for c in contacts]).reshape(-1, 3)
        return points, np.array([_force_on_a(c) for c in contacts]).reshape(-1, 3)

    def wrench(self) -> np.ndarray:
        """The load on the hand (6,) at its origin, its own weight taken off, hand frame."""
        T_world_hand = self.link_pose(HAND_LINK)
        R = T_world_hand[:3, :3]
        held = np.zeros(6) if self._wrist_load is None else -self._wrist_load
        load = _moved(held, self._T_hand_com[:3, 3])
        for index in [self._links[HAND_LINK], *self._fingers]:
            mass = self._p.getDynamicsInfo(self._robot, index)[0]
            at = R.T @ (self._center_of_mass(index) - T_world_hand[:3, 3])
            weight = R.T @ [0.0, 0.0, -GRAVITY_MPS2 * mass]
            load -= _moved(np.concatenate([weight, np.zeros(3)]), at)
        return load

    def _center_of_mass(self, index: int) -> np.ndarray:
        if index == -1:
            return np.array(self._p.getBasePositionAndOrientation(self._robot)[0])
        return np.array(self._p.getLinkState(self._robot, index)[0])

    def _wrist_reaction(self) -> np.ndarray:
        """Force and torque (6,) that the wrist exerts at the hand's centre of mass, hand frame."""
        if self.hand_only:
            # the engine gives a constraint's force in the world and its torque in the body's frame
            load = np.array(self._p.getConstraintState(self._mount))
            return np.concatenate([self._base_pose(self._robot)[:3, :3].T @ load[:3], load[3:]])
        return np.array(self._p.getJointState(self._robot, self._links[HAND_LINK])[2])

    def robot_contacts(self) -> list[tuple[str, str, float]]:
        """What touches the robot: (link, object or 'surroundings', distance [m])."""
        names = {i: n for n, i in self._links.items()}
        others = {body.uid: name for name, body in self.bodies.items()}
        return [
            (names[c[3]], others.get(c[2], 'surroundings'), c[8])
            for c in self._p.getContactPoints(bodyA=self._robot)
        ]

    # ---- objects

    def add_object(
        self, model: ObjectModel, T_world_object: np.ndarray, scale: float = 1.0
    ) -> str:
        """Load one object at rest and return its name in this world."""
        urdf = self._urdfs.of_object(model)
        try:
            with _quiet():
                uid = self._p.loadURDF(str(urdf), globalScaling=scale)
        except pybullet.error as error:
            raise BadInputError(f'object {model.path}: PyBullet cannot load it') from error
        dynamics = self._p.getDynamicsInfo(uid, -1)
        self._p.changeDynamics(
            uid,
            -1,
            rollingFriction=max(dynamics[6], ROLLING_FRICTION),
            spinningFriction=max(dynamics[7], ROLLING_FRICTION),
        )
        shape = Shape(
            model.shape.vertices_m * np.float32(scale), model.shape.triangles, model.shape.rgb
        )
        name = self._free_name(model.name)
        self.bodies[name] = Body(uid, model, shape, from_xyz_quat(dynamics[3], dynamics[4]))
        self.put_object(name, T_world_object)
        return name

    def _free_name(self, stem: str) -> str:
        name, n = stem, 1
        while name in self.bodies:
            n += 1
            name = f'{stem}_{n}'
        return name

    def remove_object(self, name: str) -> None:
        """Take one object out."""
        self._p.removeBody(self.body(name).uid)
        del self.bodies[name]

    def body(self, name: str) -> Body:
        """The object of that name.

        Raises:
            BadInputError: there is none.
        """
        if name not in self.bodies:
            raise BadInputError(
                f'object {name!r}: not in the scene, which has {list(self.bodies)}'
            )
        return self.bodies[name]

    def put_object(
        self, name: str, T_world_object: np.ndarray, twist: np.ndarray | None = None
    ) -> None:
        """Set the pose and the twist (6,) of its origin; at rest where None."""
        body = self.body(name)
        T_world_com = T_world_object @ body.T_object_com
        self._p.resetBasePositionAndOrientation(
            body.uid, T_world_com[:3, 3], quat_xyzw(T_world_com)
        )
        twist = np.zeros(6) if twist is None else np.asarray(twist, float)
        arm = T_world_com[:3, 3] - T_world_object[:3, 3]
        self._p.resetBaseVelocity(body.uid, twist[:3] + np.cross(twist[3:], arm), twist[3:])

    def push(self, name: str, impulse: np.ndarray) -> None:
        """An instantaneous impulse (3,) N s at the centre of mass, world frame."""
        uid = self.body(name).uid
        linear, angular = self._p.getBaseVelocity(uid)
        mass = self._p.getDynamicsInfo(uid, -1)[0]
        self._p.resetBaseVelocity(uid, np.asarray(linear) + np.asarray(impulse) / mass, angular)

    def object_pose(self, name: str) -> np.ndarray:
        """`T_world_object`."""
        body = self.body(name)
        return from_xyz_quat(*self._p.getBasePositionAndOrientation(body.uid)) @ inverse(
            body.T_object_com
        )

    def true_object(self, name: str) -> TrueObject:
        """Everything there is to know of one object."""
        body, T_world_object = self.body(name), self.object_pose(name)
        linear, angular = (np.array(v) for v in self._p.getBaseVelocity(body.uid))
        arm = T_world_object[:3, :3] @ body.T_object_com[:3, 3]
        dynamics = self._p.getDynamicsInfo(body.uid, -1)
        twist = np.concatenate([linear - np.cross(angular, arm), angular])
        return TrueObject(
            name, T_world_object, twist, dynamics[0], dynamics[1], body.T_object_com[:3, 3].copy()
        )

    def speed(self, name: str) -> float:
        """The larger of |v| [m/s] and |w| x 5 cm."""
        linear, angular = self._p.getBaseVelocity(self.body(name).uid)
        return float(max(np.linalg.norm(linear), 0.05 * np.linalg.norm(angular)))

    def penetration_m(self, name: str) -> float:
        """How deep the object is in anything else right now; 0 where it touches nothing."""
        self._p.performCollisionDetection()
        contacts = self._p.getContactPoints(bodyA=self.body(name).uid)
        return max([0.0, *(-c[8] for c in contacts)])

    # ---- walls and belt

    def add_walls(self, center: tuple[float, float], side_m: float, height_m: float) -> list[int]:
        """Four static walls around a square, for a pile to be dropped into."""
        walls = []
        for axis in (0, 1):
            for sign in (-1, 1):
                half = [side_m / 2 + 0.02] * 2 + [height_m / 2]
                half[axis] = 0.01
                at = [*center, height_m / 2]
                at[axis] += sign * (side_m / 2 + 0.01)
                box = self._p.createCollisionShape(self._p.GEOM_BOX, halfExtents=half)
                walls.append(self._p.createMultiBody(0, box, basePosition=at))
        return walls

    def remove_walls(self, walls: list[int]) -> None:
        """Take the walls of `add_walls` away."""
        for wall in walls:
            self._p.removeBody(wall)

    def _base_pose(self, uid: int) -> np.ndarray:
        dynamics = self._p.getDynamicsInfo(uid, -1)
        T_base_com = from_xyz_quat(dynamics[3], dynamics[4])
        return from_xyz_quat(*self._p.getBasePositionAndOrientation(uid)) @ inverse(T_base_com)

    def set_belt(self, velocity: np.ndarray) -> None:
        """Run the table's surface at `velocity` (3,) m/s; zero stops it.

        The engine has no surface velocity: a heavy slab takes the table's place, moves for the
        length of a step and is put back before the next.
        """
        if self._belt:
            self._p.removeBody(self._belt.uid)
            self._belt = None
        running = bool(np.any(velocity))
        self._p.setCollisionFilterGroupMask(
            self._surroundings,
            self._surrounding_links[TABLE_LINK],
            int(not running),
            int(not running) * ALL,
        )
        if running:
            self._belt = Belt(self._slab(), self._slab_center, np.asarray(velocity, float))

    def _slab(self) -> int:
        vertices = self.link_shapes[TABLE_LINK].vertices_m
        half = np.ptp(vertices, axis=0) / 2
        self._slab_center = self._fixed_links[TABLE_LINK][:3, 3] + vertices.mean(0)
        box = self._p.createCollisionShape(self._p.GEOM_BOX, halfExtents=half)
        uid = self._p.createMultiBody(BELT_MASS_KG, box, basePosition=self._slab_center)
        self._p.changeDynamics(
            uid, -1, lateralFriction=SURFACE_FRICTION, linearDamping=0.0, angularDamping=0.0
        )
        for link in self._surrounding_links.values():
            self._p.setCollisionFilterPair(uid, self._surroundings, -1, link, 0)
        self._p.setCollisionFilterPair(uid, self._robot, -1, -1, 0)
        return uid

    def _run_belt(self) -> None:
        belt = self._belt
        self._p.resetBasePositionAndOrientation(belt.uid, belt.center_m, [0, 0, 0, 1])
        self._p.resetBaseVelocity(belt.uid, belt.velocity, [0, 0, 0])
        weight = [0, 0, BELT_MASS_KG * GRAVITY_MPS2]
        self._p.applyExternalForce(belt.uid, -1, weight, belt.center_m, self._p.WORLD_FRAME)


def _force_on_a(contact: tuple) -> np.ndarray:
    normal, f, f1, d1, f2, d2 = (np.asarray(contact[i]) for i in (7, 9, 10, 11, 12, 13))
    return normal * f + f1 * d1 + f2 * d2


def _moved(wrench: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A (6,) wrench that acts at the point `at` (3,), taken about the frame's origin."""
    return np.concatenate([wrench[:3], wrench[3:] + np.cross(at, wrench[:3])])


def _parent(description: RobotDescription, link: str) -> str:
    for joint in description.root.findall('joint'):
        if joint.find('child').get('link') == link:
            return joint.find('parent').get('link')
    raise BadInputError(f'robot description: link {link!r} has no parent, expected one')


def _pads_first(description: RobotDescription) -> dict[str, np.ndarray]:
    """Shifts (3,) [m] that set the fingers' own shapes back, so that objects meet the pads."""
    fingers = {pad: _parent(description, pad) for pad in PAD_LINKS.values()}
    return {
        finger: SET_BACK_M * description.fixed_pose(pad, finger)[:3, 2]
        for pad, finger in fingers.items()
    }


def _arm_root(description: RobotDescription) -> str:
    """The link below the root that carries every moving joint."""
    root = description.root_link
    joint = next(j for j in description.root.findall('joint') if j.get('type') != 'fixed')
    link = joint.find('parent').get('link')
    while link != root and _parent(description, link) != root:
        link = _parent(description, link)
    return link
