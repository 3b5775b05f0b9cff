"""Episodes cut into examples: what was watched up to a frame, and what was seen after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import twist_at
from sakiyomi_training.episodes.layout import BEFORE, FINE, FRAMES, Episode
from sakiyomi_training.episodes.scene_columns import read_scenes
from sakiyomi_training.episodes.truth_columns import true_centers
from sakiyomi_training.world_model.examples.watched_hand import (
    PER_FRAME,
    fine_row,
    hand_at,
    motion_from,
)
from world_model_node.config import PredictionConfig
from world_model_node.model.dimensions import STEP_S, STEPS
from world_model_node.model.watched.hand_window import make_action
from world_model_node.model.watched.instant import Instant
from world_model_node.model.watched.seen_only import SeenOnly
from world_model_node.model.watched.window import Framed, make_window

STARTS = tuple(range(7, 19))  # frames that are predicted from, t0 among them
LATER = (2, 5, 10)  # frames ahead whose embedding is predicted
ROUNDING_S = 1e-6  # of stamps
BYSTANDER_WEIGHT = 0.2  # of objects that nothing was going to happen to
HIDDEN = ('mass_kg', 'friction', 'restitution', 'rolling_friction_m', 'spinning_friction_m')
TOUCHED = 5  # normal force on the pads, force at the wrist
Example = dict[str, np.ndarray]


def examples_of(
    episode: Episode, starts: Iterable[int] = STARTS, touch: bool = True
) -> list[Example]:
    """One example per frame of `starts` at which anything is tracked.

    `touch`: with what was felt.
    """
    instants = instants_of(episode)
    if not touch:
        seen = SeenOnly(PredictionConfig())
        instants = [seen.instant(instant) for instant in instants]
    framed = {
        frame: make_window(instants[: frame + 1], len(instants[frame].objects))
        for frame in range(min(starts), FRAMES)
        if instants[frame].objects
    }
    return [_example(episode, framed, frame) for frame in starts if frame in framed]


def instants_of(episode: Episode, until: int = FRAMES) -> list[Instant]:
    """What a robot would have noted, frame by frame."""
    return [
        Instant(s.stamp_s, s.objects, s.table_height_m, hand_at(episode, frame), s.surface_mps)
        for frame, s in enumerate(read_scenes(episode, until))
    ]


def _example(episode: Episode, framed: dict[int, Framed], frame: int) -> Example:
    now = framed[frame]
    motion = motion_from(episode, frame)
    example: Example = now.window._asdict()
    example['action'] = make_action(motion, None, now.T_world_frame)
    example['acts'] = np.float32(motion is not None)
    example['at_t0'] = np.float32(frame == BEFORE)
    example |= tracked_columns(now, _seen_after(episode, now, frame))
    example |= _true(episode, now, frame)
    example |= later_columns(now, {after: framed.get(frame + after) for after in LATER})
    example |= _touched(episode, frame)
    _leave_out_disturbed(example, episode, frame)
    return example


def _leave_out_disturbed(example: Example, episode: Episode, frame: int) -> None:
    """What follows a shove that nobody could foresee says nothing of how objects move."""
    left_s = float(episode['truth/undisturbed_s'] - episode['frames/stamp_s'][frame])
    if not left_s > ROUNDING_S:  # NaN too: older files do not tell
        return
    before = (STEP_S * np.arange(STEPS + 1) < left_s - ROUNDING_S).astype(np.float32)
    example['true_on'] = example['true_on'] * before
    example['tracked_on'] = example['tracked_on'] * before[1:]
    example['later_on'] = example['later_on'] * before[np.array(LATER) * PER_FRAME, None]


def _slots(episode: Episode, now: Framed) -> list[int]:
    ids = episode['frames/id'].tolist()
    return [ids.index(i) for i in now.ids]


def _in_frame(now: Framed, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (..., 3) and quaternions (..., 4) of world poses (..., 4, 4) in the frame."""
    R, t = now.T_world_frame[:3, :3], now.T_world_frame[:3, 3]
    q = Rotation.from_matrix(R.T @ T[..., :3, :3]).as_quat()[..., [3, 0, 1, 2]]
    return (T[..., :3, 3] - t) @ R, q


class Seen(NamedTuple):
    """Where an object was tracked at a later time."""

    T_world_object: np.ndarray  # (4, 4)
    variance: np.ndarray  # (2,) mean over the axes: position [m^2], rotation vector [rad^2]


def variance_of(pose_covariance: np.ndarray) -> np.ndarray:
    """What `Seen` keeps of a covariance (6, 6)."""
    return np.diag(pose_covariance).reshape(2, 3).mean(1)


def tracked_columns(now: Framed, seen: Mapping[int, Mapping[int, Seen]]) -> Example:
    """Where the objects were tracked after each step; `seen` by id, then by index of the step."""
    n = len(now.window.present)
    columns = {
        'tracked_place': np.zeros((n, STEPS, 3), np.float32),
        'tracked_turn': np.tile(np.float32([1, 0, 0, 0]), (n, STEPS, 1)),
        'tracked_variance': np.ones((n, STEPS, 2), np.float32),
        'tracked_on': np.zeros((n, STEPS), np.float32),
    }
    for index, object_id in enumerate(now.ids):
        for step, (T, variance) in seen.get(object_id, {}).items():
            place, turn = _in_frame(now, T)
            columns['tracked_place'][index, step] = place
            columns['tracked_turn'][index, step] = turn
            columns['tracked_variance'][index, step] = variance
            columns['tracked_on'][index, step] = 1.0
    return columns


def _seen_after(episode: Episode, now: Framed, frame: int) -> dict[int, dict[int, Seen]]:
    found: dict[int, dict[int, Seen]] = {object_id: {} for object_id in now.ids}
    for object_id, slot in zip(now.ids, _slots(episode, now), strict=True):
        for after in range(1, STEPS // PER_FRAME + 1):
            at = frame + after
            if at >= FRAMES or not episode['frames/present'][at, slot]:
                continue
            if not (episode['frames/visible'][at, slot] or episode['frames/held'][at, slot]):
                continue
            T = episode['frames/T_world_object'][at, slot].astype(float)
            variance = variance_of(episode['frames/pose_covariance'][at, slot])
            found[object_id][PER_FRAME * after - 1] = Seen(T, variance)
    return found


def no_truth(n: int) -> Example:
    """The columns of simulated truth where there is none."""
    return {
        'true_place': np.zeros((n, STEPS + 1, 3), np.float32),
        'true_turn': np.tile(np.float32([1, 0, 0, 0]), (n, STEPS + 1, 1)),
        'true_on': np.zeros((n, STEPS + 1), np.float32),
        'true_twist': np.zeros((n, 6), np.float32),
        'hidden': np.zeros((n, len(HIDDEN) + 3), np.float32),
        'hidden_on': np.zeros(n, np.float32),
        'weight': np.full(n, BYSTANDER_WEIGHT, np.float32),
    }


class Truth(NamedTuple):
    """What an object really did, from a frame that is predicted from on; world frame."""

    T_world_object: np.ndarray  # (k, 4, 4) then and after each step, k <= STEPS + 1
    center_m: np.ndarray  # (k, 3) of its volume: what tracked positions are compared with
    twist: np.ndarray  # (6,) then, of its file's frame
    hidden: Sequence[float]  # in the order of HIDDEN
    mass_center_m: np.ndarray  # (3,) then


def write_truth(
    columns: Example, index: int, now: Framed, tracked: np.ndarray, truth: Truth
) -> None:
    """Into the row of an object that was tracked at `tracked` (4, 4)."""
    first, count = truth.T_world_object[0], len(truth.center_m)
    turn = now.T_world_frame[:3, :3]
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3] = truth.T_world_object[:, :3, :3] @ first[:3, :3].T @ tracked[:3, :3]
    T[:, :3, 3] = truth.center_m
    place, quaternion = _in_frame(now, T)
    columns['true_place'][index, :count] = place
    columns['true_turn'][index, :count] = quaternion
    columns['true_on'][index, :count] = 1.0
    twist = twist_at(truth.twist, truth.center_m[0] - first[:3, 3])
    columns['true_twist'][index] = np.concatenate([twist[:3] @ turn, twist[3:] @ turn])
    mass_center = (truth.mass_center_m - tracked[:3, 3]) @ tracked[:3, :3]
    columns['hidden'][index] = [*truth.hidden, *mass_center]
    columns['hidden_on'][index] = 1.0


def _true(episode: Episode, now: Framed, frame: int) -> Example:
    columns = no_truth(len(now.window.present))
    centers, row = true_centers(episode), fine_row(frame)
    last = min(FINE, row + STEPS + 1)
    for index, slot in enumerate(_slots(episode, now)):
        own = np.flatnonzero(episode['truth/slot'] == slot)
        if not len(own):
            continue
        item = own[0]
        T_true = episode['truth/T_world_object'][row:last, item].astype(float)
        hidden = [float(episode[f'truth/{name}'][item]) for name in HIDDEN]
        offset = T_true[0, :3, :3] @ episode['truth/center_of_mass_m'][item]
        truth = Truth(
            T_true,
            centers[row:last, item],
            episode['truth/twist'][row, item].astype(float),
            hidden,
            T_true[0, :3, 3] + offset,
        )
        tracked = episode['frames/T_world_object'][frame, slot].astype(float)
        write_truth(columns, index, now, tracked, truth)
        columns['weight'][index] = 1.0 if episode['truth/actor'][item] else BYSTANDER_WEIGHT
    return columns


def later_columns(now: Framed, framed: Mapping[int, Framed | None]) -> Example:
    """Features of the newest frame of later windows, in the order of the objects now."""
    window, n = now.window, len(now.window.present)
    columns = {
        'later_motion': np.zeros((len(LATER), n, window.motion.shape[-1]), np.float32),
        'later_hand': np.zeros((len(LATER), n, window.hand.shape[-1]), np.float32),
        'later_touch': np.zeros((len(LATER), n, window.touch.shape[-1]), np.float32),
        'later_hand_on': np.zeros(len(LATER), np.float32),
        'later_on': np.zeros((len(LATER), n), np.float32),
    }
    for k, after in enumerate(LATER):
        later = framed[after]
        if later is None:
            continue
        columns['later_hand_on'][k] = later.window.hand_on[-1]
        for index, object_id in enumerate(now.ids):
            if object_id in later.ids:
                other = later.ids.index(object_id)
                columns['later_motion'][k, index] = later.window.motion[-1, other]
                columns['later_hand'][k, index] = later.window.hand[-1, other]
                columns['later_touch'][k, index] = later.window.touch[-1, other]
                columns['later_on'][k, index] = 1.0
    return columns


def no_touch() -> Example:
    """The columns of the next touch where none is known."""
    return {
        'touched': np.zeros((STEPS, TOUCHED), np.float32),
        'touched_on': np.zeros(STEPS, np.float32),
    }


def _touched(episode: Episode, frame: int) -> Example:
    columns = no_touch()
    row = fine_row(frame) + 1
    if episode['hand/present']:
        rows = slice(row, min(FINE, row + STEPS))
        normal = np.einsum(
            'tpi,tpi->tp', episode['hand/pad_force_n'][rows], episode['hand/pad_normal'][rows]
        )
        count = len(normal)
        columns['touched'][:count, :2] = normal
        columns['touched'][:count, 2:] = episode['hand/wrench'][rows, :3]
        columns['touched_on'][:count] = 1.0
    return columns


def usable(episode: Episode) -> bool:
    """Whether every number of what was observed is finite, and how a belt ran is known."""
    belt = str(episode['episode/scenario']) == 'conveyor'
    if belt and np.isnan(episode['truth/belt_mps']).any():
        return False
    return all(
        np.isfinite(column).all()
        for name, column in episode.items()
        if name.startswith(('frames/', 'hand/', 'action/'))
        and np.issubdtype(column.dtype, np.floating)
    )
