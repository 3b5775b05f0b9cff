"""The hand in a window: what it did and felt, and what it is going to do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse
from sakiyomi.scene import HandMotion, ObjectState
from world_model_node.model.dimensions import ACTION, FRAME_S, OPENING_SCALE_M, STEP_S, STEPS
from world_model_node.model.hand_motion import sample_hand_motion
from world_model_node.model.watched.hand_sense import HandSense
from world_model_node.model.watched.instant import Instant, state_of

FORCE_SCALE_N = 5.0
FAR_M = 0.5  # features of what is farther are clipped


def make_action(
    action: HandMotion | None,
    hand: HandSense | None,
    T_world_frame: np.ndarray,
    velocity_mps: np.ndarray | None = None,
) -> np.ndarray:
    """The hand at 0, 50, ... 1000 ms (STEPS + 1, ACTION) in the frame.

    Without an action the hand goes on at `velocity_mps` (3,); without a hand it is far away.
    """
    rows = np.zeros((STEPS + 1, ACTION), np.float32)
    rows[:, 2], rows[:, 3], rows[:, 7] = 2.0, 1.0, 0.08
    if action is None:
        if hand is None:
            return rows
        T = np.tile(hand.T_world_grasp, (STEPS + 1, 1, 1))
        if velocity_mps is not None:
            T[:, :3, 3] += STEP_S * np.arange(STEPS + 1)[:, None] * velocity_mps
        width, force = np.full(STEPS + 1, hand.finger_width_m), hand.force_limit_n
    else:
        T, width = sample_hand_motion(action, STEP_S * np.arange(STEPS + 1))
        force = action.force_n
    T = inverse(T_world_frame) @ T
    rows[:, :3], rows[:, 3:7] = T[:, :3, 3], quaternions(T[:, :3, :3])
    rows[:, 7], rows[:, 8] = width, force
    return rows


def write_hand(
    arrays: dict[str, np.ndarray],
    states: Sequence[ObjectState],
    frames: Sequence[Instant | None],
    T_world_frame: np.ndarray,
) -> None:
    """What the hand did and felt, frame by frame, as seen from every object."""
    turn = T_world_frame[:3, :3]
    before: tuple[float, np.ndarray] | None = None
    for row, frame in enumerate(frames):
        if frame is None or frame.hand is None:
            continue
        hand = frame.hand
        T, speed = hand.T_world_grasp, np.zeros(3)
        if before is not None:
            span = max(frame.stamp_s - before[0], 0.5 * FRAME_S)
            speed = (T[:3, 3] - before[1]) @ turn / span
        before = (frame.stamp_s, T[:3, 3])
        arrays['hand_on'][row], arrays['touch_on'][row] = 1.0, float(hand.feels)
        force = hand.pad_force_n @ turn / FORCE_SCALE_N
        wrench = (
            hand.wrench.reshape(2, 3) @ T[:3, :3].T @ turn
        )  # of the sensor, turned as the hand
        for index, state in enumerate(states):
            track = state_of(frame, state.id) or state
            middle = track.T_world_object[:3, 3]
            away = np.clip((T[:3, 3] - middle) @ turn, -FAR_M, FAR_M)
            arrays['hand'][row, index] = np.concatenate(
                [
                    away / 0.1,
                    [np.linalg.norm(away) / 0.1],
                    turn.T @ T[:3, 2],
                    turn.T @ T[:3, 1],
                    speed / 0.5,
                    [hand.finger_width_m / OPENING_SCALE_M, hand.force_limit_n / 20.0],
                ]
            )
            at = np.clip((hand.pad_point_m - middle) @ turn, -FAR_M, FAR_M) / 0.1
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
    """W x y z (..., 4) of rotation matrices (..., 3, 3)."""
    return Rotation.from_matrix(R).as_quat()[:, [3, 0, 1, 2]]
