"""Pose and touch of the hand at one instant."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


def _none() -> np.ndarray:
    return np.zeros((2, 3))


@dataclass(frozen=True)
class HandObservation:
    """The hand with its left and right pad in the world frame, the wrench in the hand frame."""

    T_world_grasp: np.ndarray  # (4, 4) z approaches, y closes
    finger_width_m: float
    force_limit_n: float = 0.0
    has_touch: bool = False  # whether the following fields were measured
    pad_force_n: np.ndarray = field(default_factory=_none)  # (2, 3) on the fingers
    pad_point_m: np.ndarray = field(default_factory=_none)  # (2, 3) centre of pressure
    pad_contact: np.ndarray = field(default_factory=lambda: np.zeros(2, bool))
    wrench: np.ndarray = field(default_factory=lambda: np.zeros(6))
