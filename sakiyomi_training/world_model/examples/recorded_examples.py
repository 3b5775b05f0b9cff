"""Recordings cut into examples: what was watched up to an instant, and what was tracked after it.

There is no simulated truth here: the targets are the later poses, as the recording has them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.scene import ObjectState
from sakiyomi_training.world_model.examples.episode_examples import (
    LATER,
    Example,
    Seen,
    later_columns,
    no_touch,
    no_truth,
    tracked_columns,
    variance_of,
)
from world_model_node.model.dimensions import FRAME_S, MAX_OBJECTS, STEP_S, STEPS
from world_model_node.model.watched.hand_window import make_action
from world_model_node.model.watched.instant import Instant
from world_model_node.model.watched.window import Framed, make_window

BETWEEN_S = 0.07  # between poses as near to each other a path is nearly straight
NEAR_S, FAR_S = 0.02, 2.0 * FRAME_S  # and near one of two that are no farther apart
LATER_S = 0.3 * FRAME_S
MOVED_M, TURNED_RAD = 0.01, 0.15  # less is lying there, as far as a tracker can tell
SLACK_S = 1e-6


@dataclass(frozen=True)
class Recorded:
    """An unbroken piece of a recording.

    Attributes:
        name: Of the file, and where in it.
        instants: Oldest first, 0.1 s apart or closer.
        starts: Indices of the instants that are predicted from.
        only_first_shown: The first start is what figures are about; otherwise all are.
    """

    name: str
    instants: tuple[Instant, ...]
    starts: tuple[int, ...]
    only_first_shown: bool = False


def recorded_examples(recorded: Recorded) -> list[Example]:
    """One example per start at which an object is tracked, and later seen again."""
    windows: dict[int, Framed | None] = {}
    found = []
    for number, start in enumerate(recorded.starts):
        now = _window(recorded, start, windows)
        if now is None:
            continue
        later = {after: _window_after(recorded, start, after, windows) for after in LATER}
        example = _example(recorded.instants, start, now, later)
        example['at_t0'] = np.float32(number == 0 or not recorded.only_first_shown)
        if example['tracked_on'].any():
            found.append(example)
    return found


def _example(
    instants: Sequence[Instant], start: int, now: Framed, later: dict[int, Framed | None]
) -> Example:
    example: Example = now.window._asdict()
    example['action'] = make_action(None, None, now.T_world_frame)
    example['acts'] = np.float32(0.0)
    example |= tracked_columns(now, {i: _seen_after(instants, start, i) for i in now.ids})
    example |= no_truth(len(now.window.present))
    for index, object_id in enumerate(now.ids):
        if _moves(instants, start, object_id):
            example['weight'][index] = 1.0
    example |= later_columns(now, later)
    example |= no_touch()
    return example


def _window(recorded: Recorded, index: int, windows: dict[int, Framed | None]) -> Framed | None:
    if index not in windows:
        count = min(len(recorded.instants[index].objects), MAX_OBJECTS)
        framed = make_window(recorded.instants[: index + 1], count) if count else None
        windows[index] = framed if framed is not None and len(framed.ids) == count else None
    return windows[index]


def _window_after(
    recorded: Recorded, start: int, frames: int, windows: dict[int, Framed | None]
) -> Framed | None:
    stamps = np.array([i.stamp_s for i in recorded.instants])
    gap = np.abs(stamps - stamps[start] - frames * FRAME_S)
    best = int(gap.argmin())
    return _window(recorded, best, windows) if gap[best] < LATER_S else None


def _path(instants: Sequence[Instant], object_id: int) -> list[ObjectState]:
    """The states of one object while it is seen or held."""
    return [
        state
        for instant in instants
        for state in instant.objects
        if state.id == object_id and (state.visible or state.held)
    ]


def _seen_after(instants: Sequence[Instant], start: int, object_id: int) -> dict[int, Seen]:
    """Poses after each step, by the step's index, where they are known."""
    path = _path(instants[start:], object_id)
    stamps = np.array([s.stamp_s for s in path])
    found = {}
    for step in range(STEPS):
        at_s = instants[start].stamp_s + STEP_S * (step + 1)
        after = int(np.searchsorted(stamps, at_s - SLACK_S))
        if after < len(path) and stamps[after] - at_s < SLACK_S:
            state = path[after]
            found[step] = Seen(state.T_world_object, variance_of(state.pose_covariance))
        elif 0 < after < len(path):
            gaps = at_s - stamps[after - 1], stamps[after] - at_s
            close = min(gaps) <= NEAR_S and sum(gaps) <= FAR_S
            if close or sum(gaps) <= BETWEEN_S:
                found[step] = _between(path[after - 1], path[after], at_s)
    return found


def _between(a: ObjectState, b: ObjectState, at_s: float) -> Seen:
    share = (at_s - a.stamp_s) / (b.stamp_s - a.stamp_s)
    away = Rotation.from_matrix(b.T_world_object[:3, :3] @ a.T_world_object[:3, :3].T)
    T = a.T_world_object + share * (b.T_world_object - a.T_world_object)
    turned = Rotation.from_rotvec(share * away.as_rotvec()).as_matrix()
    T[:3, :3] = turned @ a.T_world_object[:3, :3]
    return Seen(T, variance_of(0.5 * (a.pose_covariance + b.pose_covariance)))


def _moves(instants: Sequence[Instant], start: int, object_id: int) -> bool:
    """Whether it does within the horizon of the prediction."""
    now_s = instants[start].stamp_s
    ahead = [i for i in instants[start:] if i.stamp_s <= now_s + STEP_S * STEPS + SLACK_S]
    path = _path(ahead, object_id)
    if not path:
        return False
    places = np.array([s.T_world_object[:3, 3] for s in path])
    turns = Rotation.from_matrix(
        np.array([s.T_world_object[:3, :3] @ path[0].T_world_object[:3, :3].T for s in path])
    )
    far = np.linalg.norm(places - places[0], axis=1).max() > MOVED_M
    return bool(far or turns.magnitude().max() > TURNED_RAD)
