"""Selection of the contacts that are possible within the horizon; graphs omit the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from world_model_node.model.dimensions import NUM_STEPS, STEP_S
from world_model_node.model.input_arrays import InputWindow


@dataclass(frozen=True)
class ReachConfig:
    """Bounds of the motion of hand and bodies within the horizon.

    Attributes:
        hand_radius_m: Radius of the hand about the grasp frame.
        horizon_s: Length of a prediction.
        min_motion_mps: Speed from which a body moves.
        spin_arm_m: Lever arm that converts spin to speed.
        margin_m: Addition to the reach of every body.
    """

    hand_radius_m: float = 0.12
    horizon_s: float = NUM_STEPS * STEP_S
    min_motion_mps: float = 0.03
    spin_arm_m: float = 0.05
    margin_m: float = 0.02


class ActiveContacts(NamedTuple):
    """The contacts that a graph computes."""

    hand: bool = True
    pairs: bool = True


def active_contacts(
    window: InputWindow,
    actions: np.ndarray,
    hand_present: bool,
    config: ReachConfig | None = None,
) -> ActiveContacts:
    """A conservative estimate of the contacts that are possible within the horizon.

    Args:
        window: Input of n objects.
        actions: Hand motions. Shape (B, H + 1, ACTION_SIZE).
        hand_present: Whether a hand takes part.
        config: Bounds of the motion; default: `ReachConfig()`.
    """
    c = config or ReachConfig()
    present = window.present > 0.5
    if not present.any():
        return ActiveContacts(False, False)
    place, half = window.place[present], window.half_extent[present]
    radius = np.linalg.norm(half, axis=1) + np.linalg.norm(window.center[present], axis=1)
    speed = np.maximum(
        *(_speed(twist[present], c.spin_arm_m) for twist in (window.twist, window.measured))
    )
    reach = radius + np.where(speed > c.min_motion_mps, speed * c.horizon_s, 0.0) + c.margin_m
    path = actions[..., :3].reshape(-1, 1, 3)
    near = np.linalg.norm(path - place, axis=2).min(axis=0) < reach + c.hand_radius_m
    hand = hand_present and bool(near.any())
    gap = np.linalg.norm(place[:, None] - place[None], axis=2)
    close = gap < reach[:, None] + reach[None]
    moving = (speed > c.min_motion_mps) | (near & hand)
    # a body that the hand moves may reach any other
    may_collide = (close | (near & hand)[:, None]) & (moving[:, None] | moving[None])
    np.fill_diagonal(may_collide, False)
    return ActiveContacts(hand, bool(may_collide.any()))


def _speed(twist: np.ndarray, arm_m: float) -> np.ndarray:
    return np.linalg.norm(twist[:, :3], axis=1) + arm_m * np.linalg.norm(twist[:, 3:], axis=1)
