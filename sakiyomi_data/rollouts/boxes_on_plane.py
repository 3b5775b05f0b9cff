"""Boxes on a plane and nothing else: how fast the engine itself rolls out."""

from __future__ import annotations

import numpy as np

from sakiyomi.constants import GRAVITY_MPS2
from simulation_node import world
from simulation_node.config import PHYSICS_HZ

IDENTITY_XYZW = (0.0, 0.0, 0.0, 1.0)


class BoxesOnPlane:
    """Boxes of one size and kind, set down anew for every rollout.

    Args:
        count: of the boxes.
        half_m: half their side.
        mass_kg: of each.
        friction: of each with the plane.
    """

    def __init__(self, count: int, half_m: float, mass_kg: float, friction: float) -> None:
        with world.native_output_suppressed():
            p = world.BulletClient(connection_mode=world.pybullet.DIRECT)
        p.setGravity(0.0, 0.0, -GRAVITY_MPS2)
        p.setTimeStep(1.0 / PHYSICS_HZ)
        box = p.createCollisionShape(p.GEOM_BOX, halfExtents=[half_m] * 3)
        plane = p.createMultiBody(0.0, p.createCollisionShape(p.GEOM_PLANE))
        p.changeDynamics(plane, -1, lateralFriction=world.SURFACE_FRICTION)
        self._boxes = [p.createMultiBody(mass_kg, box) for _ in range(count)]
        for body in self._boxes:
            p.changeDynamics(body, -1, lateralFriction=friction)
        self._p = p

    def close(self) -> None:
        """Release the engine."""
        self._p.disconnect()

    def roll_out(
        self, positions_m: np.ndarray, velocities_mps: np.ndarray, seconds: float
    ) -> np.ndarray:
        """Places (N, 3) after so many seconds, from level boxes at places (N, 3)."""
        p = self._p
        for body, position, velocity in zip(self._boxes, positions_m, velocities_mps, strict=True):
            p.resetBasePositionAndOrientation(body, position, IDENTITY_XYZW)
            p.resetBaseVelocity(body, velocity, (0.0, 0.0, 0.0))
        for _ in range(round(seconds * PHYSICS_HZ)):
            p.stepSimulation()
        return np.array([p.getBasePositionAndOrientation(body)[0] for body in self._boxes])
