"""What a planner is asked to pick."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PickRequest:
    """What to pick and where to put it."""

    target: str = 'any'  # 'any', 'id' or 'point'
    object_id: int = 0
    point_m: np.ndarray | None = None  # (3,) world frame
    force_limit_n: float = 0.0  # 0: the default
    T_world_place: np.ndarray | None = None  # of the object's frame; None: into the bin
    exclude: frozenset[int] = frozenset()  # ids not to pick
