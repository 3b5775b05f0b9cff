"""One observation of the scene, and the resampled history of a window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sakiyomi.scene import ObjectState
from world_model_node.model.dimensions import FRAME_S, NUM_FRAMES
from world_model_node.model.features.hand_observation import HandObservation

MAX_STAMP_GAP_S = 0.55 * FRAME_S


@dataclass(frozen=True)
class SceneObservation:
    """The observed scene and hand at one time."""

    stamp_s: float
    objects: tuple[ObjectState, ...]
    table_height_m: float
    hand: HandObservation | None
    belt_velocity_mps: np.ndarray = field(
        default_factory=lambda: np.zeros(2)
    )  # of the table's belt


def resample_history(observations: Sequence[SceneObservation]) -> list[SceneObservation | None]:
    """The observations nearest to steps of 0.1 s before the newest; None for a missing one."""
    now_s = observations[-1].stamp_s
    stamps = np.array([i.stamp_s for i in observations])
    frames: list[SceneObservation | None] = []
    for age in range(NUM_FRAMES - 1, -1, -1):
        gap = np.abs(stamps - (now_s - age * FRAME_S))
        best = int(np.argmin(gap))
        frames.append(observations[best] if gap[best] < MAX_STAMP_GAP_S else None)
    return frames


def object_state(frame: SceneObservation | None, object_id: int) -> ObjectState | None:
    """The object of this id in a frame, or None if absent or invalid."""
    if frame is None:
        return None
    state = next((o for o in frame.objects if o.id == object_id), None)
    return state if state is not None and is_valid(state) else None


def is_valid(state: ObjectState) -> bool:
    """Whether the object has a surface and finite numbers."""
    numbers = (state.T_world_object, state.twist, state.pose_covariance, state.points_m)
    return len(state.points_m) > 0 and all(np.isfinite(a).all() for a in numbers)
