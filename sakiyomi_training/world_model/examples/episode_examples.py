"""Examples of episodes: the observations up to a frame, and the later targets."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

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
from sakiyomi_training.world_model.examples.target_columns import (
    BYSTANDER_WEIGHT,
    LATER_FRAMES,
    Example,
    TrackedPose,
    TrueMotion,
    empty_touch,
    empty_truth,
    later_columns,
    mean_axis_variances,
    tracked_columns,
    write_truth,
)
from world_model_node.config import PredictionConfig
from world_model_node.model.dimensions import NUM_STEPS, STEP_S
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import FramedWindow, build_window
from world_model_node.model.features.scene_observation import SceneObservation
from world_model_node.model.features.touch_ablation import TouchAblation

START_FRAMES = tuple(range(7, 19))  # frames at which predictions start, t0 among them
STAMP_TOLERANCE_S = 1e-6


def make_examples(
    episode: Episode, starts: Iterable[int] = START_FRAMES, touch: bool = True
) -> list[Example]:
    """One example per frame of `starts` with a tracked object; `touch` keeps touch."""
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
    """The observations of a robot, frame by frame."""
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
    """Mask the targets after an unforeseeable shove."""
    left_s = float(episode['truth/undisturbed_s'] - episode['frames/stamp_s'][frame])
    if not left_s > STAMP_TOLERANCE_S:  # NaN in older files
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
    """Whether all observed numbers are finite and the velocity of a belt is known."""
    belt = str(episode['episode/scenario']) == 'conveyor'
    if belt and np.isnan(episode['truth/belt_mps']).any():
        return False
    return all(
        np.isfinite(column).all()
        for name, column in episode.items()
        if name.startswith(('frames/', 'hand/', 'action/'))
        and np.issubdtype(column.dtype, np.floating)
    )
