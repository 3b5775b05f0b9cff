"""Features of the hand: past motion and touch, and the future motion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse
from sakiyomi.scene import HandMotion, ObjectState
from world_model_node.model.dimensions import (
    ACTION_SIZE,
    FRAME_S,
    NUM_STEPS,
    OPENING_SCALE_M,
    STEP_S,
)
from world_model_node.model.features.hand_observation import HandObservation
from world_model_node.model.features.scene_observation import SceneObservation, object_state
from world_model_node.model.hand_motion import sample_hand_motion

FORCE_SCALE_N = 5.0
MAX_FEATURE_DISTANCE_M = 0.5  # bound of distances in features


def encode_action(
    action: HandMotion | None,
    hand: HandObservation | None,
    T_world_frame: np.ndarray,
    velocity_mps: np.ndarray | None = None,
) -> np.ndarray:
    """The hand at 0, 50, ... 1000 ms in the frame. Shape (NUM_STEPS + 1, ACTION_SIZE).

    Without an action, the hand continues at `velocity_mps` (3,); without a hand, the rows are far
    away.
    """
    rows = np.zeros((NUM_STEPS + 1, ACTION_SIZE), np.float32)
    rows[:, 2], rows[:, 3], rows[:, 7] = 2.0, 1.0, 0.08
    if action is None:
        if hand is None:
            return rows
        T = np.tile(hand.T_world_grasp, (NUM_STEPS + 1, 1, 1))
        if velocity_mps is not None:
            T[:, :3, 3] += STEP_S * np.arange(NUM_STEPS + 1)[:, None] * velocity_mps
        width, force = np.full(NUM_STEPS + 1, hand.finger_width_m), hand.force_limit_n
    else:
        T, width = sample_hand_motion(action, STEP_S * np.arange(NUM_STEPS + 1))
        force = action.force_n
    T = inverse(T_world_frame) @ T
    rows[:, :3], rows[:, 3:7] = T[:, :3, 3], quaternions(T[:, :3, :3])
    rows[:, 7], rows[:, 8] = width, force
    return rows


def write_hand_features(
    arrays: dict[str, np.ndarray],
    states: Sequence[ObjectState],
    frames: Sequence[SceneObservation | None],
    T_world_frame: np.ndarray,
) -> None:
    """Write the hand's motion and touch of every frame, relative to every object."""
    R_world_frame = T_world_frame[:3, :3]
    previous: tuple[float, np.ndarray] | None = None
    for row, frame in enumerate(frames):
        if frame is None or frame.hand is None:
            continue
        hand = frame.hand
        T, speed = hand.T_world_grasp, np.zeros(3)
        if previous is not None:
            span = max(frame.stamp_s - previous[0], 0.5 * FRAME_S)
            speed = (T[:3, 3] - previous[1]) @ R_world_frame / span
        previous = (frame.stamp_s, T[:3, 3])
        arrays['hand_on'][row], arrays['touch_on'][row] = 1.0, float(hand.has_touch)
        force = hand.pad_force_n @ R_world_frame / FORCE_SCALE_N
        wrench = hand.wrench.reshape(2, 3) @ T[:3, :3].T @ R_world_frame  # in the hand frame
        for index, state in enumerate(states):
            track = object_state(frame, state.id) or state
            object_position = track.T_world_object[:3, 3]
            away = np.clip(
                (T[:3, 3] - object_position) @ R_world_frame,
                -MAX_FEATURE_DISTANCE_M,
                MAX_FEATURE_DISTANCE_M,
            )
            arrays['hand'][row, index] = np.concatenate(
                [
                    away / 0.1,
                    [np.linalg.norm(away) / 0.1],
                    R_world_frame.T @ T[:3, 2],
                    R_world_frame.T @ T[:3, 1],
                    speed / 0.5,
                    [hand.finger_width_m / OPENING_SCALE_M, hand.force_limit_n / 20.0],
                ]
            )
            at = (
                np.clip(
                    (hand.pad_point_m - object_position) @ R_world_frame,
                    -MAX_FEATURE_DISTANCE_M,
                    MAX_FEATURE_DISTANCE_M,
                )
                / 0.1
            )
            arrays['touch'][row, index] = np.concatenate(
                [
                    np.arcsinh(force).ravel(),
                    hand.pad_contact,
                    (at * hand.pad_contact[:, None]).ravel(),
                    np.arcsinh(wrench[0] / 2.0),
                    np.arcsinh(wrench[1] / 0.2),
                ]
            )


def quaternions(R: np.ndarray) -> np.ndarray:
    """Quaternions w x y z (..., 4) of rotation matrices (..., 3, 3)."""
    return Rotation.from_matrix(R).as_quat()[:, [3, 0, 1, 2]]
