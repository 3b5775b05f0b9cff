"""One moment that was watched, and the moments that a window is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sakiyomi.scene import ObjectState
from world_model_node.model.dimensions import FRAME_S, FRAMES
from world_model_node.model.watched.hand_sense import HandSense

MISMATCH_S = 0.55 * FRAME_S


@dataclass(frozen=True)
class Instant:
    """One scene that was observed, with the hand at that time."""

    stamp_s: float
    objects: tuple[ObjectState, ...]
    table_height_m: float
    hand: HandSense | None
    surface_mps: np.ndarray = field(default_factory=lambda: np.zeros(2))  # of the table's belt


def aligned(instants: Sequence[Instant]) -> list[Instant | None]:
    """The instants nearest to 0.1 s apart, back from the newest; None where there is none."""
    now_s = instants[-1].stamp_s
    stamps = np.array([i.stamp_s for i in instants])
    frames: list[Instant | None] = []
    for age in range(FRAMES - 1, -1, -1):
        gap = np.abs(stamps - (now_s - age * FRAME_S))
        best = int(np.argmin(gap))
        frames.append(instants[best] if gap[best] < MISMATCH_S else None)
    return frames


def state_of(frame: Instant | None, object_id: int) -> ObjectState | None:
    """The object of that id in a frame, or None where it is not there or not usable."""
    if frame is None:
        return None
    state = next((o for o in frame.objects if o.id == object_id), None)
    return state if state is not None and usable(state) else None


def usable(state: ObjectState) -> bool:
    """Whether it has a surface, and every number of it is finite."""
    numbers = (state.T_world_object, state.twist, state.pose_covariance, state.points_m)
    return len(state.points_m) > 0 and all(np.isfinite(a).all() for a in numbers)
