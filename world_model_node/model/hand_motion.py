"""Validation of hand motions, and their poses at the times of a prediction."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from sakiyomi.errors import BadInputError
from sakiyomi.scene import HandMotion


def check_hand_motion(action: HandMotion) -> None:
    """Raise BadInputError unless times increase, shapes agree and numbers are finite."""
    n = len(action.times_s)
    shapes = (np.shape(action.T_world_grasp), np.shape(action.finger_width_m))
    if n == 0 or shapes != ((n, 4, 4), (n,)):
        got = f'{n} times, {shapes[0]} poses, {shapes[1]} widths'
        raise BadInputError(f'hand motion: got {got}, expected T, (T, 4, 4), (T,) with T >= 1')
    if not np.isfinite(action.times_s).all() or (np.diff(action.times_s) <= 0.0).any():
        raise BadInputError('hand motion times: got times that do not rise, expected rising ones')
    values = (action.T_world_grasp, action.finger_width_m, action.force_n)
    if not all(np.isfinite(v).all() for v in values) or action.force_n < 0.0:
        raise BadInputError(
            'hand motion: got a non-finite or negative value, expected finite ones'
        )


def sample_hand_motion(action: HandMotion, after_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grasp frames (H, 4, 4) and widths (H,) [m] at times from now, constant past the ends."""
    times = np.asarray(action.times_s, float)
    t = np.clip(after_s, times[0], times[-1])
    T = np.tile(np.eye(4), (len(t), 1, 1))
    for axis in range(3):
        T[:, axis, 3] = np.interp(t, times, action.T_world_grasp[:, axis, 3])
    rotations = Rotation.from_matrix(action.T_world_grasp[:, :3, :3])
    slerped = Slerp(times, rotations)(t) if len(times) > 1 else rotations[np.zeros(len(t), int)]
    T[:, :3, :3] = slerped.as_matrix()
    return T, np.interp(t, times, action.finger_width_m)
