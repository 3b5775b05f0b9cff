"""The physics: one PyBullet client per world. The only module that imports pybullet."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sakiyomi.constants import GRAVITY_MPS2
from sakiyomi.robot.robot_description import RobotDescription
from simulation_node.bodies.conveyor import Conveyor
from simulation_node.bodies.object_bodies import ObjectBodies
from simulation_node.bodies.physics_urdf import PhysicsUrdfs
from simulation_node.bodies.robot_body import (
    RobotBody,
    finger_shape_offsets,
    link_indices,
)
from simulation_node.config import PHYSICS_HZ, TABLE_LINK
from simulation_node.objects.meshes import link_shape


@contextlib.contextmanager
def native_output_suppressed() -> Iterator[None]:
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


with native_output_suppressed():
    import pybullet
    from pybullet_utils.bullet_client import BulletClient

SOLVER_ITERATIONS = 150
# The engine multiplies the two coefficients of a contact: those of table and bin are 1.
SURFACE_FRICTION, SURFACE_RESTITUTION = 1.0, 1.0
MIN_OVERLAP_M = 1e-4  # smallest penetration that counts as an overlap


class World:
    """Robot, surroundings and objects; steps of 1/240 s."""

    robot: RobotBody
    objects: ObjectBodies
    conveyor: Conveyor

    def __init__(
        self,
        description: RobotDescription,
        hand_only: bool = False,
        wrench_bandwidth_hz: float = 20.0,
    ):
        self.description, self._hand_only = description, hand_only
        self._wrench_bandwidth_hz = wrench_bandwidth_hz
        self._folder = tempfile.TemporaryDirectory(prefix='sakiyomi_')
        self._urdfs = PhysicsUrdfs(Path(self._folder.name))
        self._write_urdfs()
        self.link_shapes = {
            link.get('name'): link_shape(link, Path()) for link in description.root.findall('link')
        }
        with native_output_suppressed():
            self._p = BulletClient(connection_mode=pybullet.DIRECT)
        self.reset()

    def _write_urdfs(self) -> None:
        arm = self.description.arm_root
        robot = self.description.subtree(
            self.description.config.gripper.hand_link if self._hand_only else arm
        )
        shifts = finger_shape_offsets(self.description)
        self._robot_urdf = self._urdfs.of_robot('robot', robot, shifts)
        surroundings = self.description.without(arm)
        self._surroundings_urdf = self._urdfs.of_robot('surroundings', surroundings)

    def close(self) -> None:
        """Release the client and the temporary files."""
        self._p.disconnect()
        self._folder.cleanup()

    def reset(self) -> None:
        """Everything as at the start: the robot at home, no objects."""
        p = self._p
        p.resetSimulation()
        p.setGravity(0, 0, -GRAVITY_MPS2)
        p.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / PHYSICS_HZ,
            numSolverIterations=SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
        )
        with native_output_suppressed():
            self._surroundings = p.loadURDF(str(self._surroundings_urdf), useFixedBase=True)
            self.robot = RobotBody(
                p,
                self._robot_urdf,
                self.description,
                self._hand_only,
                self._wrench_bandwidth_hz,
            )
        self.objects = ObjectBodies(p, self._urdfs)
        self._index_surroundings()

    def _index_surroundings(self) -> None:
        links = link_indices(self._p, self._surroundings)
        for index in links.values():
            self._p.changeDynamics(
                self._surroundings,
                index,
                lateralFriction=SURFACE_FRICTION,
                restitution=SURFACE_RESTITUTION,
            )
        root = self.description.root_link
        self._fixed_poses = {link: self.description.fixed_pose(link, root) for link in links}
        box = self.link_shapes[TABLE_LINK].vertices_m.astype(float)
        self.conveyor = Conveyor(
            self._p,
            (self._surroundings, links[TABLE_LINK]),
            self._fixed_poses[TABLE_LINK][:3, 3] + (box.max(0) + box.min(0)) / 2,
            np.ptp(box, axis=0),
            SURFACE_FRICTION,
            [(self._surroundings, i) for i in links.values()] + [(self.robot.uid, -1)],
        )

    def step(self) -> None:
        """Advance by 1/240 s."""
        self.conveyor.before_step()
        self._p.stepSimulation()
        self.robot.after_step()

    def link_poses(self) -> dict[str, np.ndarray]:
        """`T_world_link` of every link of robot and surroundings."""
        return self._fixed_poses | self.robot.link_poses()

    def save(self) -> int:
        """Keep bodies and contacts as they are now; for `restore`, until `forget`."""
        return self._p.saveState()

    def restore(self, state: int) -> None:
        """Back to a kept state; the bodies must be those of then. The hand's way is not kept."""
        self._p.restoreState(state)

    def forget(self, state: int) -> None:
        """Free a kept state."""
        self._p.removeState(state)

    def hand_overlap(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Where an object is deepest inside the hand; None where it is not.

        Returns:
            A point (3,) on the hand's surface and the direction (3,) out of the hand, which span
            the plane that the object would have to be beyond.
        """
        uid = self.objects.body(name).uid
        inside = [
            c for c in self._p.getClosestPoints(uid, self.robot.uid, 0.0) if c[8] < -MIN_OVERLAP_M
        ]
        if not inside:
            return None
        deepest = min(inside, key=lambda contact: contact[8])
        return np.array(deepest[6]), np.array(deepest[7])

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
