"""A table whose surface runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from sakiyomi.constants import GRAVITY_MPS2

SLAB_MASS_KG = 1e4
ALL_COLLISION_GROUPS = -1


class Conveyor:
    """The engine has no surface velocity, so a heavy slab stands in for the table.

    It moves for the length of a step and is put back before the next.

    Args:
        client: the world's PyBullet client.
        table: body and link index of the table.
        center_m: (3,) of the table's box, world frame.
        size_m: (3,) of the table's box.
        friction: of the surface.
        static_bodies: (body, link index) of everything fixed that stands on the table.
    """

    def __init__(
        self,
        client: Any,
        table: tuple[int, int],
        center_m: np.ndarray,
        size_m: np.ndarray,
        friction: float,
        static_bodies: list[tuple[int, int]],
    ):
        self._p, self._table, self._center_m, self._size_m = client, table, center_m, size_m
        self._friction, self._static_bodies = friction, static_bodies
        self._slab: int | None = None
        self._velocity = np.zeros(3)

    @property
    def velocity(self) -> np.ndarray:
        """Of the surface, (3,) m/s."""
        return self._velocity if self._slab is not None else np.zeros(3)

    def set_velocity(self, velocity: np.ndarray) -> None:
        """Run the surface at `velocity` (3,) m/s; zero stops it."""
        if self._slab is not None:
            self._p.removeBody(self._slab)
            self._slab = None
        running = bool(np.any(velocity))
        group, mask = (0, 0) if running else (1, ALL_COLLISION_GROUPS)
        self._p.setCollisionFilterGroupMask(*self._table, group, mask)
        if running:
            self._slab, self._velocity = self._make_slab(), velocity

    def _make_slab(self) -> int:
        box = self._p.createCollisionShape(self._p.GEOM_BOX, halfExtents=self._size_m / 2)
        uid = self._p.createMultiBody(SLAB_MASS_KG, box, basePosition=self._center_m)
        self._p.changeDynamics(
            uid, -1, lateralFriction=self._friction, linearDamping=0.0, angularDamping=0.0
        )
        for body, link in self._static_bodies:
            self._p.setCollisionFilterPair(uid, body, -1, link, 0)
        return uid

    def before_step(self) -> None:
        """Put the slab back, at its speed and weightless."""
        if self._slab is None:
            return
        self._p.resetBasePositionAndOrientation(self._slab, self._center_m, [0, 0, 0, 1])
        self._p.resetBaseVelocity(self._slab, self._velocity, [0, 0, 0])
        lift = [0, 0, SLAB_MASS_KG * GRAVITY_MPS2]
        self._p.applyExternalForce(self._slab, -1, lift, self._center_m, self._p.WORLD_FRAME)
