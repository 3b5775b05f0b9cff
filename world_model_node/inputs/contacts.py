"""Taxel and wrench readings become contacts in the world frame: points, normals and forces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.geometry import transform_points
from sakiyomi.scene import CONTACT_SOURCES, NO_OBJECT, ContactPoints
from sakiyomi.sensing import TactileReading
from world_model_node.config import TouchConfig


@dataclass(frozen=True)
class ContactPatch:
    """The pressed taxels of one pad."""

    points_m: np.ndarray  # (N, 3) world frame
    normals: np.ndarray  # (N, 3) unit vectors out of the object and into the finger
    forces_n: np.ndarray  # (N, 3) forces of the object on the finger, world frame
    side: str = ''  # one of CONTACT_SOURCES

    @property
    def center_of_pressure_m(self) -> np.ndarray:
        """Compute the centre of pressure (3,)."""
        weight = np.einsum('nj,nj->n', self.forces_n, self.normals)
        return weight @ self.points_m / weight.sum()

    @property
    def normal(self) -> np.ndarray:
        """Return the outward normal (3,) of the object's surface at the contact."""
        return self.normals[0]


def pad_contact_patch(
    reading: TactileReading | None, T_world_pad: np.ndarray, config: TouchConfig
) -> ContactPatch | None:
    """Compute the contacts of a pad whose z axis points into the finger, or None without load."""
    if reading is None or reading.forces_n[:, 2].sum() <= config.contact_force_n:
        return None
    normal_force_n = reading.forces_n[:, 2]
    pressed = normal_force_n > config.min_taxel_ratio * normal_force_n.max()
    points = transform_points(T_world_pad, reading.points_m[pressed].astype(float))
    forces = reading.forces_n[pressed].astype(float) @ T_world_pad[:3, :3].T
    normals = np.tile(T_world_pad[:3, 2], (len(points), 1))
    return ContactPatch(points, normals, forces, reading.side)


def offset_to_contact(
    surface_m: np.ndarray, contacts: ContactPatch, patch_m: float, reach_m: float
) -> float | None:
    """Compute the shift [m] along the contact's normal that brings a surface to the contact.

    The result is None if too few surface points lie near the normal through the contact, or if
    the shift would exceed `reach_m`.

    Args:
        surface_m: the surface (N, 3), world frame.
        contacts: the contact.
        patch_m: the radius of the patch of surface around the normal.
        reach_m: the largest shift.
    """
    offset = np.asarray(surface_m, float) - contacts.center_of_pressure_m
    along = offset @ contacts.normal
    across = np.linalg.norm(offset - along[:, None] * contacts.normal, axis=1)
    in_patch = (across < patch_m) & (np.abs(along) < reach_m + patch_m)
    if in_patch.sum() < 4:
        return None
    gap_m = -float(np.percentile(along[in_patch], 90))
    return gap_m if abs(gap_m) < reach_m else None


def contact_from_wrench(
    wrench: np.ndarray, origin_m: np.ndarray, surface_m: np.ndarray, max_gap_m: float
) -> ContactPatch | None:
    """Find the point of a surface (N, 3) at which one force gives the wrench, or None.

    Bicchi, Salisbury and Brock, Contact sensing from force measurements, 1993: a force F at p
    causes the torque (p - o) x F. Its line meets two sides of the surface, of which F pushes one
    inwards.

    Args:
        wrench: force and torque (6,) about the sensor's origin, world frame [N], [N m].
        origin_m: the sensor's origin (3,), world frame.
        surface_m: the surface in contact, world frame.
        max_gap_m: the largest distance of the point from the force's line.
    """
    force, torque = wrench[:3], wrench[3:]
    force_n = float(np.linalg.norm(force))
    if force_n <= 0.0 or not len(surface_m):
        return None
    points = np.asarray(surface_m, float)
    candidates = points[(points - points.mean(axis=0)) @ force <= 0.0]
    gap_m = np.linalg.norm(np.cross(candidates - origin_m, force) - torque, axis=1) / force_n
    nearest = int(gap_m.argmin())
    if gap_m[nearest] > max_gap_m:
        return None
    return ContactPatch(candidates[[nearest]], (force / force_n)[None], force[None], 'wrist')


def nearest_object(
    shapes: dict[int, np.ndarray], point_m: np.ndarray, reach_m: float
) -> int | None:
    """Return the id of the shape, (N, 3) world points each, next to a point, or None in reach."""
    gaps = {key: surface_distance(points, point_m) for key, points in shapes.items()}
    best = min(gaps, key=gaps.get, default=None)
    return best if best is not None and gaps[best] <= reach_m else None


def merge_contacts(found: list[tuple[ContactPatch, int | None]]) -> ContactPoints:
    """Concatenate contact patches with the ids of the objects in contact."""
    if not found:
        return ContactPoints()
    count = [len(contacts.points_m) for contacts, _ in found]
    ids = [NO_OBJECT if object_id is None else object_id for _, object_id in found]
    sources = [CONTACT_SOURCES.index(contacts.side) for contacts, _ in found]
    return ContactPoints(
        points_m=np.concatenate([contacts.points_m for contacts, _ in found]),
        normals=np.concatenate([contacts.normals for contacts, _ in found]),
        forces_n=np.concatenate([contacts.forces_n for contacts, _ in found]),
        object_ids=np.repeat(ids, count),
        sources=np.repeat(sources, count),
    )


def surface_distance(surface_m: np.ndarray, point_m: np.ndarray) -> float:
    """Compute the distance [m] from a point (3,) to (N, 3) points; infinite without points."""
    if not len(surface_m):
        return np.inf
    return float(np.sqrt(np.min(np.sum((surface_m - point_m) ** 2, axis=1))))
