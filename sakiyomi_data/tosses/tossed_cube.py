"""One cube thrown on a plane, in steps short enough for its impacts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.constants import GRAVITY_MPS2
from simulation_node import world

SUBSTEPS = 8  # of a frame


@dataclass(frozen=True)
class CubeProperties:
    """What distinguishes one cube on one surface from another."""

    width_m: float
    mass_kg: float
    friction: float
    restitution: float
    radius_squared: float  # of gyration about x and y over the squared width
    axial_ratio: float  # of the moment of inertia about z to that about x and y
    center_m: np.ndarray  # (3,) centre of mass from the middle, body frame


class TossedCube:
    """A cube and a plane in a client of their own; thrown anew for every toss.

    Args:
        cube: its properties.
        rate_hz: of the frames that are told.
    """

    def __init__(self, cube: CubeProperties, rate_hz: float) -> None:
        self.cube = cube
        with world.native_output_suppressed():
            p = world.BulletClient(connection_mode=world.pybullet.DIRECT)
        p.setGravity(0.0, 0.0, -GRAVITY_MPS2)
        p.setPhysicsEngineParameter(
            fixedTimeStep=1.0 / (rate_hz * SUBSTEPS), numSolverIterations=world.SOLVER_ITERATIONS
        )
        plane = p.createMultiBody(0.0, p.createCollisionShape(p.GEOM_PLANE))
        p.changeDynamics(
            plane,
            -1,
            lateralFriction=world.SURFACE_FRICTION,
            restitution=world.SURFACE_RESTITUTION,
        )
        self._p, self._body = p, self._create(p)

    def _create(self, p: world.BulletClient) -> int:
        cube = self.cube
        box = p.createCollisionShape(p.GEOM_BOX, halfExtents=[0.5 * cube.width_m] * 3)
        body = p.createMultiBody(
            cube.mass_kg, box, baseInertialFramePosition=cube.center_m.tolist()
        )
        moment = cube.mass_kg * cube.radius_squared * cube.width_m**2
        p.changeDynamics(
            body,
            -1,
            lateralFriction=cube.friction,
            restitution=cube.restitution,
            linearDamping=0.0,
            angularDamping=0.0,
            localInertiaDiagonal=[moment, moment, moment * cube.axial_ratio],
        )
        p.changeDynamics(body, -1, activationState=p.ACTIVATION_STATE_DISABLE_SLEEPING)
        return body

    def close(self) -> None:
        """Release the engine."""
        self._p.disconnect()

    def throw(
        self,
        position_m: np.ndarray,
        rotation_xyzw: np.ndarray,
        velocity_mps: np.ndarray,
        spin_radps: np.ndarray,
        frames: int,
    ) -> np.ndarray:
        """Poses x y z, qx qy qz qw of the cube's middle at every frame, the first one included.

        Args:
            position_m: of the centre of mass at the first frame. Shape (3,).
            rotation_xyzw: Shape (4,).
            velocity_mps: of the centre of mass. Shape (3,).
            spin_radps: about the world's axes. Shape (3,).
            frames: T.

        Returns:
            Shape (T, 7).
        """
        p = self._p
        p.resetBasePositionAndOrientation(self._body, position_m, rotation_xyzw)
        p.resetBaseVelocity(self._body, velocity_mps, spin_radps)
        back = (-self.cube.center_m).tolist()
        poses = np.zeros((frames, 7))
        for frame in range(frames):
            for _ in range(SUBSTEPS if frame else 0):
                p.stepSimulation()
            position, rotation = p.getBasePositionAndOrientation(self._body)
            center, _ = p.multiplyTransforms(position, rotation, back, (0.0, 0.0, 0.0, 1.0))
            poses[frame] = *center, *rotation
        return poses
