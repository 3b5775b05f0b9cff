"""The objects' bodies in the physics engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import from_xyz_quat, inverse, quat_xyzw
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.bodies.physics_urdf import PhysicsUrdfs
from simulation_node.objects.meshes import Shape
from simulation_node.objects.object_files import ObjectModel, TrueObject

MIN_ROLLING_FRICTION_M = 1e-4  # smallest rolling friction, with which round objects come to rest


@dataclass(frozen=True)
class Body:
    """One loaded object."""

    uid: int
    model: ObjectModel
    shape: Shape  # scaled
    T_object_com: np.ndarray  # (4, 4)


class ObjectBodies:
    """Objects by name.

    Args:
        client: the world's PyBullet client.
        urdfs: where the engine's URDFs are written.
    """

    def __init__(self, client: Any, urdfs: PhysicsUrdfs):
        self._p, self._urdfs = client, urdfs
        self.bodies: dict[str, Body] = {}

    def add(
        self,
        model: ObjectModel,
        T_world_object: np.ndarray,
        scale: float = 1.0,
        properties: PhysicalProperties | None = None,
    ) -> str:
        """Load one object at rest, with its file's properties or those given; its name here."""
        if properties is None:
            uid = self._load(model, self._urdfs.of_object(model), scale)
        else:
            center_m = properties.center_of_mass_m / scale
            urdf = self._urdfs.of_object_with_mass(model, properties.mass_kg, center_m)
            uid = self._load(model, urdf, scale)
            urdf.unlink()
            self._p.changeDynamics(
                uid,
                -1,
                mass=properties.mass_kg,
                lateralFriction=properties.friction,
                rollingFriction=properties.rolling_friction_m,
                spinningFriction=properties.spinning_friction_m,
                restitution=properties.restitution,
            )
        dynamics = self._p.getDynamicsInfo(uid, -1)
        self._p.changeDynamics(
            uid,
            -1,
            rollingFriction=max(dynamics[6], MIN_ROLLING_FRICTION_M),
            spinningFriction=max(dynamics[7], MIN_ROLLING_FRICTION_M),
        )
        shape = Shape(
            model.shape.vertices_m * np.float32(scale), model.shape.triangles, model.shape.rgb
        )
        name = self._free_name(model.name)
        self.bodies[name] = Body(uid, model, shape, from_xyz_quat(dynamics[3], dynamics[4]))
        self.set_state(name, T_world_object)
        return name

    def _load(self, model: ObjectModel, urdf: Path, scale: float) -> int:
        try:
            return self._p.loadURDF(str(urdf), globalScaling=scale)
        except self._p.error as error:
            raise BadInputError(f'object {model.path}: PyBullet cannot load it') from error

    def _free_name(self, stem: str) -> str:
        name, n = stem, 1
        while name in self.bodies:
            n += 1
            name = f'{stem}_{n}'
        return name

    def remove(self, name: str) -> None:
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

    def set_state(
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

    def apply_impulse(
        self, name: str, impulse: np.ndarray, at_m: np.ndarray | None = None
    ) -> None:
        """An instantaneous impulse (3,) N s, world frame, at a point or the centre of mass."""
        uid = self.body(name).uid
        linear, angular = self._p.getBaseVelocity(uid)
        center, quat = self._p.getBasePositionAndOrientation(uid)
        dynamics = self._p.getDynamicsInfo(uid, -1)
        arm = np.zeros(3) if at_m is None else np.asarray(at_m, float) - center
        R = from_xyz_quat(center, quat)[:3, :3]  # to the principal axes
        spin = R @ (R.T @ np.cross(arm, impulse) / np.asarray(dynamics[2]))
        linear = np.asarray(linear) + np.asarray(impulse) / dynamics[0]
        self._p.resetBaseVelocity(uid, linear, np.asarray(angular) + spin)

    def set_velocity(self, name: str, velocity: np.ndarray, spin: np.ndarray) -> None:
        """Set the velocity (3,) m/s of the centre of mass and the spin (3,) rad/s."""
        self._p.resetBaseVelocity(self.body(name).uid, velocity, spin)

    def inertia(self, name: str) -> np.ndarray:
        """Principal moments (3,) kg m^2 about the centre of mass, along the object's axes."""
        return np.array(self._p.getDynamicsInfo(self.body(name).uid, -1)[2])

    def pose(self, name: str) -> np.ndarray:
        """`T_world_object`."""
        body = self.body(name)
        return from_xyz_quat(*self._p.getBasePositionAndOrientation(body.uid)) @ inverse(
            body.T_object_com
        )

    def truth(self, name: str) -> TrueObject:
        """Everything there is to know of one object."""
        body, T_world_object = self.body(name), self.pose(name)
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
