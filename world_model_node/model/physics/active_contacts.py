"""What may touch within the horizon: the rest of the physics is left out of the graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.model.input_arrays import InputWindow

HAND_RADIUS_M = 0.12  # of the hand from the grasp frame
HORIZON_S = 1.0
MIN_MOTION_MPS, SPIN_ARM_M = 0.03, 0.05
MARGIN_M = 0.02


class ActiveContacts(NamedTuple):
    """Each a part of the graph."""

    hand: bool = True
    pairs: bool = True


def active_contacts(
    window: InputWindow, actions: np.ndarray, hand_present: bool
) -> ActiveContacts:
    """Whether the hand, and bodies each other, may come into touch; rather once too often.

    Args:
        window: Of n objects.
        actions: (B, H + 1, ACTION_SIZE).
        hand_present: Whether there is a hand at all.
    """
    present = window.present > 0.5
    if not present.any():
        return ActiveContacts(False, False)
    place, half = window.place[present], window.half_extent[present]
    radius = np.linalg.norm(half, axis=1) + np.linalg.norm(window.center[present], axis=1)
    speed = np.maximum(_speed(window.twist[present]), _speed(window.measured[present]))
    reach = radius + np.where(speed > MIN_MOTION_MPS, speed * HORIZON_S, 0.0) + MARGIN_M
    path = actions[..., :3].reshape(-1, 1, 3)
    near = np.linalg.norm(path - place, axis=2).min(axis=0) < reach + HAND_RADIUS_M
    hand = hand_present and bool(near.any())
    gap = np.linalg.norm(place[:, None] - place[None], axis=2)
    close = gap < reach[:, None] + reach[None]
    moving = (speed > MIN_MOTION_MPS) | (near & hand)
    # what the hand moves may go anywhere
    may_collide = (close | (near & hand)[:, None]) & (moving[:, None] | moving[None])
    np.fill_diagonal(may_collide, False)
    return ActiveContacts(hand, bool(may_collide.any()))


def _speed(twist: np.ndarray) -> np.ndarray:
    return np.linalg.norm(twist[:, :3], axis=1) + SPIN_ARM_M * np.linalg.norm(twist[:, 3:], axis=1)
