"""Taxels become contacts in the world frame: where, in which direction, and how hard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.geometry import transform_points
from sakiyomi.sensing import TactileReading

LEAST_SHARE = 0.1  # of the hardest pressed taxel's normal force: less is noise or spread


@dataclass(frozen=True)
class Contacts:
    """The pressed taxels of one pad."""

    points_m: np.ndarray  # (N, 3) world frame
    normals: np.ndarray  # (N, 3) unit, out of the object and into the finger
    forces_n: np.ndarray  # (N, 3) that the object exerts on the finger, world frame

    @property
    def center_m(self) -> np.ndarray:
        """The centre of pressure (3,)."""
        weight = np.einsum('nj,nj->n', self.forces_n, self.normals)
        return weight @ self.points_m / weight.sum()

    @property
    def normal(self) -> np.ndarray:
        """The outward normal (3,) of the object's surface there."""
        return self.normals[0]


def pad_contacts(
    reading: TactileReading | None, T_world_pad: np.ndarray, contact_force_n: float
) -> Contacts | None:
    """The contacts of a pad whose z axis points into the finger, or None where nothing presses."""
    if reading is None or reading.forces_n[:, 2].sum() <= contact_force_n:
        return None
    press = reading.forces_n[:, 2]
    pressed = press > LEAST_SHARE * press.max()
    points = transform_points(T_world_pad, reading.points_m[pressed].astype(float))
    forces = reading.forces_n[pressed].astype(float) @ T_world_pad[:3, :3].T
    return Contacts(points, np.tile(T_world_pad[:3, 2], (len(points), 1)), forces)


def offset_to_contact(
    surface_m: np.ndarray, contacts: Contacts, patch_m: float, reach_m: float
) -> float | None:
    """How far along the contact's normal a surface (N, 3) must move to end at the contact [m].

    None where the surface has too little near the line of the contact, or ends farther away than
    `reach_m`.
    """
    offset = np.asarray(surface_m, float) - contacts.center_m
    along = offset @ contacts.normal
    across = np.linalg.norm(offset - along[:, None] * contacts.normal, axis=1)
    near = (across < patch_m) & (np.abs(along) < reach_m + patch_m)
    if near.sum() < 4:
        return None
    gap = -float(np.percentile(along[near], 90))
    return gap if abs(gap) < reach_m else None


def surface_distance(surface_m: np.ndarray, point_m: np.ndarray) -> float:
    """From a point (3,) to the nearest of (N, 3) points [m]; infinite without any."""
    if not len(surface_m):
        return np.inf
    return float(np.sqrt(np.min(np.sum((surface_m - point_m) ** 2, axis=1))))
