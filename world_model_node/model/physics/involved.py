"""What may touch within the horizon: the rest of the physics is left out of the graph."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.model.watched.window import Window

HAND_REACH_M = 0.12  # of the hand from the grasp frame
HORIZON_S = 1.0
MOVING_MPS, SPIN_ARM_M = 0.03, 0.05
ROOM_M = 0.02


class Involved(NamedTuple):
    """Each a part of the graph."""

    hand: bool = True
    pairs: bool = True


def involved(window: Window, actions: np.ndarray, hand_there: bool) -> Involved:
    """Whether the hand, and bodies each other, may come into touch; rather once too often.

    Args:
        window: Of n objects.
        actions: (B, H + 1, ACTION).
        hand_there: Whether there is a hand at all.
    """
    present = window.present > 0.5
    if not present.any():
        return Involved(False, False)
    place, half = window.place[present], window.half_extent[present]
    radius = np.linalg.norm(half, axis=1) + np.linalg.norm(window.center[present], axis=1)
    speed = np.maximum(_speed(window.twist[present]), _speed(window.measured[present]))
    reach = radius + np.where(speed > MOVING_MPS, speed * HORIZON_S, 0.0) + ROOM_M
    path = actions[..., :3].reshape(-1, 1, 3)
    near = np.linalg.norm(path - place, axis=2).min(axis=0) < reach + HAND_REACH_M
    hand = hand_there and bool(near.any())
    gap = np.linalg.norm(place[:, None] - place[None], axis=2)
    close = gap < reach[:, None] + reach[None]
    awake = (speed > MOVING_MPS) | (near & hand)
    # what the hand moves may go anywhere
    meets = (close | (near & hand)[:, None]) & (awake[:, None] | awake[None])
    np.fill_diagonal(meets, False)
    return Involved(hand, bool(meets.any()))


def _speed(twist: np.ndarray) -> np.ndarray:
    return np.linalg.norm(twist[:, :3], axis=1) + SPIN_ARM_M * np.linalg.norm(twist[:, 3:], axis=1)
