"""Episodes cut into examples: what was watched up to a frame, and what was seen after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import twist_at
from sakiyomi_data.episodes.layout import (
    NUM_FRAMES,
    NUM_SAMPLES,
    PROPERTY_NAMES,
    T0_FRAME,
    Episode,
)
from sakiyomi_data.episodes.scene_columns import read_scenes
from sakiyomi_data.episodes.truth_columns import true_centers
from sakiyomi_training.world_model.examples.episode_hand import (
    STEPS_PER_FRAME,
    hand_motion_from,
    hand_observation_at,
    sample_row,
)
from world_model_node.config import PredictionConfig
from world_model_node.model.dimensions import NUM_STEPS, STEP_S
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import FramedWindow, build_window
from world_model_node.model.features.scene_observation import SceneObservation
from world_model_node.model.features.touch_ablation import TouchAblation

START_FRAMES = tuple(range(7, 19))  # frames that are predicted from, t0 among them
LATER_FRAMES = (2, 5, 10)  # frames ahead whose embedding is predicted
STAMP_TOLERANCE_S = 1e-6  # of stamps
BYSTANDER_WEIGHT = 0.2  # of objects that nothing was going to happen to
NUM_TOUCH_TARGETS = 5  # normal force on the pads, force at the wrist
Example = dict[str, np.ndarray]


def make_examples(
    episode: Episode, starts: Iterable[int] = START_FRAMES, touch: bool = True
) -> list[Example]:
    """One example per frame of `starts` at which anything is tracked.

    `touch`: with what was felt.
    """
    observations = scene_observations(episode)
    if not touch:
        seen = TouchAblation(PredictionConfig())
        observations = [seen.without_touch(observation) for observation in observations]
    framed = {
        frame: build_window(observations[: frame + 1], len(observations[frame].objects))
        for frame in range(min(starts), NUM_FRAMES)
        if observations[frame].objects
    }
    return [_example(episode, framed, frame) for frame in starts if frame in framed]


def scene_observations(episode: Episode, until: int = NUM_FRAMES) -> list[SceneObservation]:
    """What a robot would have noted, frame by frame."""
    return [
        SceneObservation(
            s.stamp_s,
            s.objects,
            s.table_height_m,
            hand_observation_at(episode, frame),
            s.belt_velocity_mps,
        )
        for frame, s in enumerate(read_scenes(episode, until))
    ]


def _example(episode: Episode, framed: dict[int, FramedWindow], frame: int) -> Example:
    now = framed[frame]
    motion = hand_motion_from(episode, frame)
    example: Example = now.window._asdict()
    example['action'] = encode_action(motion, None, now.T_world_frame)
    example['acts'] = np.float32(motion is not None)
    example['at_t0'] = np.float32(frame == T0_FRAME)
    example |= tracked_columns(now, _tracked_after(episode, now, frame))
    example |= _true_columns(episode, now, frame)
    example |= later_columns(now, {after: framed.get(frame + after) for after in LATER_FRAMES})
    example |= _touch_targets(episode, frame)
    _mask_disturbed(example, episode, frame)
    return example


def _mask_disturbed(example: Example, episode: Episode, frame: int) -> None:
    """What follows a shove that nobody could foresee says nothing of how objects move."""
    left_s = float(episode['truth/undisturbed_s'] - episode['frames/stamp_s'][frame])
    if not left_s > STAMP_TOLERANCE_S:  # NaN too: older files do not tell
        return
    before = (STEP_S * np.arange(NUM_STEPS + 1) < left_s - STAMP_TOLERANCE_S).astype(np.float32)
    example['true_on'] = example['true_on'] * before
    example['tracked_on'] = example['tracked_on'] * before[1:]
    example['later_on'] = (
        example['later_on'] * before[np.array(LATER_FRAMES) * STEPS_PER_FRAME, None]
    )


def _track_slots(episode: Episode, now: FramedWindow) -> list[int]:
    ids = episode['frames/id'].tolist()
    return [ids.index(i) for i in now.ids]


def _to_frame(now: FramedWindow, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (..., 3) and quaternions (..., 4) of world poses (..., 4, 4) in the frame."""
    R, t = now.T_world_frame[:3, :3], now.T_world_frame[:3, 3]
    q = Rotation.from_matrix(R.T @ T[..., :3, :3]).as_quat()[..., [3, 0, 1, 2]]
    return (T[..., :3, 3] - t) @ R, q


class TrackedPose(NamedTuple):
    """Where an object was tracked at a later time."""

    T_world_object: np.ndarray  # (4, 4)
    variance: np.ndarray  # (2,) mean over the axes: position [m^2], rotation vector [rad^2]


def mean_axis_variances(pose_covariance: np.ndarray) -> np.ndarray:
    """What `TrackedPose` keeps of a covariance (6, 6)."""
    return np.diag(pose_covariance).reshape(2, 3).mean(1)


def tracked_columns(now: FramedWindow, seen: Mapping[int, Mapping[int, TrackedPose]]) -> Example:
    """Where the objects were tracked after each step; `seen` by id, then by index of the step."""
    n = len(now.window.present)
    columns = {
        'tracked_place': np.zeros((n, NUM_STEPS, 3), np.float32),
        'tracked_turn': np.tile(np.float32([1, 0, 0, 0]), (n, NUM_STEPS, 1)),
        'tracked_variance': np.ones((n, NUM_STEPS, 2), np.float32),
        'tracked_on': np.zeros((n, NUM_STEPS), np.float32),
    }
    for index, object_id in enumerate(now.ids):
        for step, (T, variance) in seen.get(object_id, {}).items():
            place, turn = _to_frame(now, T)
            columns['tracked_place'][index, step] = place
            columns['tracked_turn'][index, step] = turn
            columns['tracked_variance'][index, step] = variance
            columns['tracked_on'][index, step] = 1.0
    return columns


def _tracked_after(
    episode: Episode, now: FramedWindow, frame: int
) -> dict[int, dict[int, TrackedPose]]:
    found: dict[int, dict[int, TrackedPose]] = {object_id: {} for object_id in now.ids}
    for object_id, slot in zip(now.ids, _track_slots(episode, now), strict=True):
        for after in range(1, NUM_STEPS // STEPS_PER_FRAME + 1):
            at = frame + after
            if at >= NUM_FRAMES or not episode['frames/present'][at, slot]:
                continue
            if not (episode['frames/visible'][at, slot] or episode['frames/held'][at, slot]):
                continue
            T = episode['frames/T_world_object'][at, slot].astype(float)
            variance = mean_axis_variances(episode['frames/pose_covariance'][at, slot])
            found[object_id][STEPS_PER_FRAME * after - 1] = TrackedPose(T, variance)
    return found


def empty_truth(n: int) -> Example:
    """The columns of simulated truth where there is none."""
    return {
        'true_place': np.zeros((n, NUM_STEPS + 1, 3), np.float32),
        'true_turn': np.tile(np.float32([1, 0, 0, 0]), (n, NUM_STEPS + 1, 1)),
        'true_on': np.zeros((n, NUM_STEPS + 1), np.float32),
        'true_twist': np.zeros((n, 6), np.float32),
        'hidden': np.zeros((n, len(PROPERTY_NAMES) + 3), np.float32),
        'hidden_on': np.zeros(n, np.float32),
        'weight': np.full(n, BYSTANDER_WEIGHT, np.float32),
    }


class TrueMotion(NamedTuple):
    """What an object really did, from a frame that is predicted from on; world frame."""

    T_world_object: np.ndarray  # (k, 4, 4) then and after each step, k <= NUM_STEPS + 1
    center_m: np.ndarray  # (k, 3) of its volume: what tracked positions are compared with
    twist: np.ndarray  # (6,) then, of its file's frame
    hidden: Sequence[float]  # in the order of HIDDEN
    mass_center_m: np.ndarray  # (3,) then


def write_truth(
    columns: Example, index: int, now: FramedWindow, tracked: np.ndarray, truth: TrueMotion
) -> None:
    """Into the row of an object that was tracked at `tracked` (4, 4)."""
    first, count = truth.T_world_object[0], len(truth.center_m)
    turn = now.T_world_frame[:3, :3]
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3] = truth.T_world_object[:, :3, :3] @ first[:3, :3].T @ tracked[:3, :3]
    T[:, :3, 3] = truth.center_m
    place, quaternion = _to_frame(now, T)
    columns['true_place'][index, :count] = place
    columns['true_turn'][index, :count] = quaternion
    columns['true_on'][index, :count] = 1.0
    twist = twist_at(truth.twist, truth.center_m[0] - first[:3, 3])
    columns['true_twist'][index] = np.concatenate([twist[:3] @ turn, twist[3:] @ turn])
    mass_center = (truth.mass_center_m - tracked[:3, 3]) @ tracked[:3, :3]
    columns['hidden'][index] = [*truth.hidden, *mass_center]
    columns['hidden_on'][index] = 1.0


def _true_columns(episode: Episode, now: FramedWindow, frame: int) -> Example:
    columns = empty_truth(len(now.window.present))
    centers, row = true_centers(episode), sample_row(frame)
    last = min(NUM_SAMPLES, row + NUM_STEPS + 1)
    for index, slot in enumerate(_track_slots(episode, now)):
        own = np.flatnonzero(episode['truth/slot'] == slot)
        if not len(own):
            continue
        item = own[0]
        T_true = episode['truth/T_world_object'][row:last, item].astype(float)
        hidden = [float(episode[f'truth/{name}'][item]) for name in PROPERTY_NAMES]
        offset = T_true[0, :3, :3] @ episode['truth/center_of_mass_m'][item]
        truth = TrueMotion(
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


def later_columns(now: FramedWindow, framed: Mapping[int, FramedWindow | None]) -> Example:
    """Features of the newest frame of later windows, in the order of the objects now."""
    window, n = now.window, len(now.window.present)
    columns = {
        'later_motion': np.zeros((len(LATER_FRAMES), n, window.motion.shape[-1]), np.float32),
        'later_hand': np.zeros((len(LATER_FRAMES), n, window.hand.shape[-1]), np.float32),
        'later_touch': np.zeros((len(LATER_FRAMES), n, window.touch.shape[-1]), np.float32),
        'later_hand_on': np.zeros(len(LATER_FRAMES), np.float32),
        'later_on': np.zeros((len(LATER_FRAMES), n), np.float32),
    }
    for k, after in enumerate(LATER_FRAMES):
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


def empty_touch() -> Example:
    """The columns of the next touch where none is known."""
    return {
        'touched': np.zeros((NUM_STEPS, NUM_TOUCH_TARGETS), np.float32),
        'touched_on': np.zeros(NUM_STEPS, np.float32),
    }


def _touch_targets(episode: Episode, frame: int) -> Example:
    columns = empty_touch()
    row = sample_row(frame) + 1
    if episode['hand/present']:
        rows = slice(row, min(NUM_SAMPLES, row + NUM_STEPS))
        normal = np.einsum(
            'tpi,tpi->tp', episode['hand/pad_force_n'][rows], episode['hand/pad_normal'][rows]
        )
        count = len(normal)
        columns['touched'][:count, :2] = normal
        columns['touched'][:count, 2:] = episode['hand/wrench'][rows, :3]
        columns['touched_on'][:count] = 1.0
    return columns


def is_usable(episode: Episode) -> bool:
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
