"""The target columns of examples: later tracked poses, simulated truth, features and touch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import twist_at
from sakiyomi_data.episodes.layout import PROPERTY_NAMES
from world_model_node.model.dimensions import NUM_STEPS
from world_model_node.model.features.input_window import FramedWindow

LATER_FRAMES = (2, 5, 10)  # frames ahead with a predicted embedding
BYSTANDER_WEIGHT = 0.2  # weight of objects that nothing acts on
NUM_TOUCH_TARGETS = 5  # normal force on both pads, force at the wrist
Example = dict[str, np.ndarray]


def to_frame(now: FramedWindow, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (..., 3) and quaternions (..., 4) of world poses (..., 4, 4) in the frame."""
    R, t = now.T_world_frame[:3, :3], now.T_world_frame[:3, 3]
    q = Rotation.from_matrix(R.T @ T[..., :3, :3]).as_quat()[..., [3, 0, 1, 2]]
    return (T[..., :3, 3] - t) @ R, q


class TrackedPose(NamedTuple):
    """The tracked pose of an object at a later time."""

    T_world_object: np.ndarray  # (4, 4)
    variance: np.ndarray  # (2,) mean over the axes: position [m^2], rotation vector [rad^2]


def mean_axis_variances(pose_covariance: np.ndarray) -> np.ndarray:
    """The mean variances of position and rotation vector of a covariance (6, 6)."""
    return np.diag(pose_covariance).reshape(2, 3).mean(1)


def tracked_columns(now: FramedWindow, seen: Mapping[int, Mapping[int, TrackedPose]]) -> Example:
    """The columns of later tracked poses; `seen` by object id, then by index of the step."""
    n = len(now.window.present)
    columns = {
        'tracked_place': np.zeros((n, NUM_STEPS, 3), np.float32),
        'tracked_turn': np.tile(np.float32([1, 0, 0, 0]), (n, NUM_STEPS, 1)),
        'tracked_variance': np.ones((n, NUM_STEPS, 2), np.float32),
        'tracked_on': np.zeros((n, NUM_STEPS), np.float32),
    }
    for index, object_id in enumerate(now.ids):
        for step, (T, variance) in seen.get(object_id, {}).items():
            place, turn = to_frame(now, T)
            columns['tracked_place'][index, step] = place
            columns['tracked_turn'][index, step] = turn
            columns['tracked_variance'][index, step] = variance
            columns['tracked_on'][index, step] = 1.0
    return columns


def empty_truth(n: int) -> Example:
    """The columns of simulated truth without truth."""
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
    """The true motion of an object from the start of a prediction, world frame."""

    T_world_object: np.ndarray  # (k, 4, 4) at the start and after each step, k <= NUM_STEPS + 1
    center_m: np.ndarray  # (k, 3) centre of the volume, the target of tracked positions
    twist: np.ndarray  # (6,) at the start, of the frame of the file
    hidden: Sequence[float]  # in the order of PROPERTY_NAMES
    mass_center_m: np.ndarray  # (3,) at the start


def write_truth(
    columns: Example, index: int, now: FramedWindow, tracked: np.ndarray, truth: TrueMotion
) -> None:
    """Write the truth of an object with the tracked pose `tracked` (4, 4) into a row."""
    first, count = truth.T_world_object[0], len(truth.center_m)
    turn = now.T_world_frame[:3, :3]
    T = np.tile(np.eye(4), (count, 1, 1))
    T[:, :3, :3] = truth.T_world_object[:, :3, :3] @ first[:3, :3].T @ tracked[:3, :3]
    T[:, :3, 3] = truth.center_m
    place, quaternion = to_frame(now, T)
    columns['true_place'][index, :count] = place
    columns['true_turn'][index, :count] = quaternion
    columns['true_on'][index, :count] = 1.0
    twist = twist_at(truth.twist, truth.center_m[0] - first[:3, 3])
    columns['true_twist'][index] = np.concatenate([twist[:3] @ turn, twist[3:] @ turn])
    mass_center = (truth.mass_center_m - tracked[:3, 3]) @ tracked[:3, :3]
    columns['hidden'][index] = [*truth.hidden, *mass_center]
    columns['hidden_on'][index] = 1.0


def later_columns(now: FramedWindow, framed: Mapping[int, FramedWindow | None]) -> Example:
    """Features of the newest frame of later windows, in the present order of objects."""
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
    """The columns of the next touch without touch."""
    return {
        'touched': np.zeros((NUM_STEPS, NUM_TOUCH_TARGETS), np.float32),
        'touched_on': np.zeros(NUM_STEPS, np.float32),
    }
