"""The state of the hand, and the object between its pads."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.robot.hand_geometry import HandGeometry
from sakiyomi.sensing import TactileReading
from world_model_node.config import TouchConfig
from world_model_node.inputs.contacts import ContactPatch


@dataclass(frozen=True)
class HandState:
    """The hand at one instant."""

    stamp_s: float
    T_world_grasp: np.ndarray  # (4, 4) z approaches, y closes
    finger_width_m: float
    force_n: np.ndarray  # (2,) force magnitude of the left and right pad; 0 for a stale reading
    contacts: tuple[ContactPatch, ...] = ()  # contacts of the loaded pads
    T_world_wrench: np.ndarray | None = None  # (4, 4) pose of the wrist sensor
    R_hand_pads: np.ndarray | None = None  # (2, 3, 3) axes of both pads in the grasp frame
    geometry: HandGeometry = field(kw_only=True)

    def both_pads_in_contact(self, config: TouchConfig) -> bool:
        """Return whether both pads are in contact."""
        return bool((self.force_n > config.contact_force_n).all())


def pad_force(reading: TactileReading | None) -> float:
    """Compute the magnitude [N] of the summed taxel forces; 0 without a reading."""
    return 0.0 if reading is None else float(np.linalg.norm(reading.forces_n.sum(axis=0)))


def center_of_pressure(reading: TactileReading, contact_force_n: float) -> np.ndarray | None:
    """Compute the centre of pressure (3,) [m] in the pad frame, or None without contact."""
    weight = np.linalg.norm(reading.forces_n, axis=1)
    if pad_force(reading) <= contact_force_n or weight.sum() <= 0.0:
        return None
    return (reading.points_m * weight[:, None]).sum(axis=0) / weight.sum()


def points_between_pads(points: np.ndarray, hand: HandState, reach_m: float) -> np.ndarray:
    """Return the mask (N,) of (N, 3) world points between the finger pads.

    Args:
        points: the world points.
        hand: the hand state.
        reach_m: the distance that the pads may be away from the points.
    """
    x, y, z = transform_points(inverse(hand.T_world_grasp), np.asarray(points, float)).T
    half_width_m = hand.geometry.holding_half_width_m
    inside = np.abs(x) < half_width_m + 0.5 * reach_m
    inside &= np.abs(y) < 0.5 * hand.finger_width_m + reach_m
    return inside & (np.abs(z) < half_width_m + reach_m)


def grasped_object(
    shapes: dict[int, np.ndarray], hand: HandState, config: TouchConfig
) -> int | None:
    """Return the id of the shape, (N, 3) world points each, that the pads hold, or None.

    The held object has the most points between the pads; an object beside a finger has few.
    """
    if not hand.both_pads_in_contact(config):
        return None
    counts = {
        key: int(points_between_pads(points, hand, config.reach_m).sum())
        for key, points in shapes.items()
    }
    best = max(counts, key=lambda key: (counts[key], -key), default=None)
    return best if best is not None and counts[best] >= config.min_points_between_pads else None


def is_near_hand(
    points_m: np.ndarray, T_world_grasp: np.ndarray, margin_m: float, finger_length_m: float
) -> bool:
    """Return whether any of (N, 3) world points is nearer than the margin to the fingers."""
    offset = points_m - T_world_grasp[:3, 3].astype(np.float32)
    up = -T_world_grasp[:3, 2]
    along = np.clip(offset @ up, 0.0, finger_length_m)
    return bool((np.linalg.norm(offset - along[:, None] * up, axis=1) < margin_m).any())
