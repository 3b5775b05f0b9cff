"""Examples of recordings: the observations up to an instant, and the later tracked poses.

Recordings have no simulated truth, so that the later poses are the targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.scene import ObjectState
from sakiyomi_training.world_model.examples.target_columns import (
    LATER_FRAMES,
    Example,
    TrackedPose,
    empty_touch,
    empty_truth,
    later_columns,
    mean_axis_variances,
    tracked_columns,
)
from world_model_node.model.dimensions import FRAME_S, MAX_OBJECTS, NUM_STEPS, STEP_S
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import FramedWindow, build_window
from world_model_node.model.features.scene_observation import SceneObservation

MAX_INTERPOLATION_GAP_S = 0.07  # poses that are closer in time are interpolated
# so are times near one of two poses that are no farther apart
MAX_NEAREST_GAP_S, MAX_BRACKET_S = 0.02, 2.0 * FRAME_S
MAX_WINDOW_GAP_S = 0.3 * FRAME_S
MIN_MOTION_M, MIN_ROTATION_RAD = 0.01, 0.15  # smaller motion is noise of the tracker
STAMP_TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class RecordedSequence:
    """An unbroken piece of a recording.

    Attributes:
        name: Name of the file and the piece.
        observations: Observations, oldest first, 0.1 s apart or closer.
        starts: Indices of the observations at which predictions start.
        score_first_only: Whether figures are about the first start alone.
    """

    name: str
    observations: tuple[SceneObservation, ...]
    starts: tuple[int, ...]
    score_first_only: bool = False


def recording_examples(recorded: RecordedSequence) -> list[Example]:
    """One example per start with an object that is tracked then and later."""
    windows: dict[int, FramedWindow | None] = {}
    found = []
    for number, start in enumerate(recorded.starts):
        now = _window(recorded, start, windows)
        if now is None:
            continue
        later = {after: _window_after(recorded, start, after, windows) for after in LATER_FRAMES}
        example = _example(recorded.observations, start, now, later)
        example['at_t0'] = np.float32(number == 0 or not recorded.score_first_only)
        if example['tracked_on'].any():
            found.append(example)
    return found


def _example(
    observations: Sequence[SceneObservation],
    start: int,
    now: FramedWindow,
    later: dict[int, FramedWindow | None],
) -> Example:
    example: Example = now.window._asdict()
    example['action'] = encode_action(None, None, now.T_world_frame)
    example['acts'] = np.float32(0.0)
    example |= tracked_columns(now, {i: _tracked_after(observations, start, i) for i in now.ids})
    example |= empty_truth(len(now.window.present))
    for index, object_id in enumerate(now.ids):
        if _moves(observations, start, object_id):
            example['weight'][index] = 1.0
    example |= later_columns(now, later)
    example |= empty_touch()
    return example


def _window(
    recorded: RecordedSequence, index: int, windows: dict[int, FramedWindow | None]
) -> FramedWindow | None:
    if index not in windows:
        count = min(len(recorded.observations[index].objects), MAX_OBJECTS)
        framed = build_window(recorded.observations[: index + 1], count) if count else None
        windows[index] = framed if framed is not None and len(framed.ids) == count else None
    return windows[index]


def _window_after(
    recorded: RecordedSequence, start: int, frames: int, windows: dict[int, FramedWindow | None]
) -> FramedWindow | None:
    stamps = np.array([i.stamp_s for i in recorded.observations])
    gap = np.abs(stamps - stamps[start] - frames * FRAME_S)
    best = int(gap.argmin())
    return _window(recorded, best, windows) if gap[best] < MAX_WINDOW_GAP_S else None


def _visible_states(observations: Sequence[SceneObservation], object_id: int) -> list[ObjectState]:
    """The states of one object in which the object is visible or held."""
    return [
        state
        for observation in observations
        for state in observation.objects
        if state.id == object_id and (state.visible or state.held)
    ]


def _tracked_after(
    observations: Sequence[SceneObservation], start: int, object_id: int
) -> dict[int, TrackedPose]:
    """The known poses after each step, by the index of the step."""
    path = _visible_states(observations[start:], object_id)
    stamps = np.array([s.stamp_s for s in path])
    found = {}
    for step in range(NUM_STEPS):
        at_s = observations[start].stamp_s + STEP_S * (step + 1)
        after = int(np.searchsorted(stamps, at_s - STAMP_TOLERANCE_S))
        if after < len(path) and stamps[after] - at_s < STAMP_TOLERANCE_S:
            state = path[after]
            found[step] = TrackedPose(
                state.T_world_object, mean_axis_variances(state.pose_covariance)
            )
        elif 0 < after < len(path):
            gaps = at_s - stamps[after - 1], stamps[after] - at_s
            close = min(gaps) <= MAX_NEAREST_GAP_S and sum(gaps) <= MAX_BRACKET_S
            if close or sum(gaps) <= MAX_INTERPOLATION_GAP_S:
                found[step] = _interpolated_pose(path[after - 1], path[after], at_s)
    return found


def _interpolated_pose(a: ObjectState, b: ObjectState, at_s: float) -> TrackedPose:
    share = (at_s - a.stamp_s) / (b.stamp_s - a.stamp_s)
    away = Rotation.from_matrix(b.T_world_object[:3, :3] @ a.T_world_object[:3, :3].T)
    T = a.T_world_object + share * (b.T_world_object - a.T_world_object)
    turned = Rotation.from_rotvec(share * away.as_rotvec()).as_matrix()
    T[:3, :3] = turned @ a.T_world_object[:3, :3]
    return TrackedPose(T, mean_axis_variances(0.5 * (a.pose_covariance + b.pose_covariance)))


def _moves(observations: Sequence[SceneObservation], start: int, object_id: int) -> bool:
    """Whether the object moves within the horizon of the prediction."""
    now_s = observations[start].stamp_s
    ahead = [
        i
        for i in observations[start:]
        if i.stamp_s <= now_s + STEP_S * NUM_STEPS + STAMP_TOLERANCE_S
    ]
    path = _visible_states(ahead, object_id)
    if not path:
        return False
    places = np.array([s.T_world_object[:3, 3] for s in path])
    turns = Rotation.from_matrix(
        np.array([s.T_world_object[:3, :3] @ path[0].T_world_object[:3, :3].T for s in path])
    )
    far = np.linalg.norm(places - places[0], axis=1).max() > MIN_MOTION_M
    return bool(far or turns.magnitude().max() > MIN_ROTATION_RAD)
