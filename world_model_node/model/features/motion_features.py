"""Features of the motion of one object, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.scene import ObjectState
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.features.hand_features import MAX_FEATURE_DISTANCE_M
from world_model_node.model.physics.body_shape import BodyShape

SPIN_SCALE_RADPS = 5.0  # unit of spin features


def log_normal_prior(state: ObjectState) -> np.ndarray:
    """Log mass, its sigma, log friction and its sigma. Shape (4,)."""
    p = state.properties
    row = []
    for g, least in ((p.mass_kg, 1e-3), (p.friction, 0.02)):
        mean = max(g.mean, least)
        row += [np.log(mean), np.sqrt(np.log1p(max(g.variance, 1e-8) / mean**2))]
    return np.array(row)


def write_motion_features(
    arrays: dict[str, np.ndarray],
    index: int,
    past: Sequence[ObjectState | None],
    surface: Sequence[np.ndarray],
    T_world_frame: np.ndarray,
    shape: BodyShape,
) -> None:
    """Write the motion features of one object in every frame of its track."""
    R_world_frame, now = T_world_frame[:3, :3], past[-1]
    known = [frame for frame, state in enumerate(past) if state is not None]
    T = np.array([past[frame].T_world_object for frame in known])
    away = (
        Rotation.from_matrix(T[:, :3, :3] @ now.T_world_object[:3, :3].T).as_rotvec()
        @ R_world_frame
    )
    shift = (
        np.clip(
            (T[:, :3, 3] - now.T_world_object[:3, 3]) @ R_world_frame,
            -MAX_FEATURE_DISTANCE_M,
            MAX_FEATURE_DISTANCE_M,
        )
        / 0.1
    )
    bottom = (T[:, 2, :3] @ shape.points.T).min(axis=1) + T[:, 2, 3] - T_world_frame[2, 3]
    body_z = T[:, :3, 2] @ R_world_frame
    previous = None
    for row, frame in enumerate(known):
        state = past[frame]
        step = np.zeros(3)
        if previous is not None:
            step = (state.T_world_object - previous.T_world_object)[:3, 3] @ R_world_frame
            step /= max(state.stamp_s - previous.stamp_s, 0.5 * FRAME_S)
        variance = np.concatenate(
            [np.diag(state.pose_covariance), np.diag(state.twist_covariance)[:3]]
        )
        sizes = np.log(np.maximum(variance.reshape(3, 3).mean(axis=1), 1e-9)) / 4.0 + 2.0
        arrays['motion'][frame, index] = np.concatenate(
            [
                shift[row],
                away[row],
                [(T[row, 2, 3] - T_world_frame[2, 3]) / 0.1, bottom[row] / 0.1],
                rotate_twist(state.twist, R_world_frame) / np.repeat([0.5, SPIN_SCALE_RADPS], 3),
                np.clip(step, -3.0, 3.0) / 0.5,
                sizes,
                [state.visible, state.held, state.slip_probability],
                log_normal_prior(state),
                body_z[row],
                shape.half_extent / 0.05,
                surface[frame] / 0.5,
            ]
        )
        arrays['seen'][frame, index] = 1.0
        previous = state


def rotate_twist(twist: np.ndarray, R_world_frame: np.ndarray) -> np.ndarray:
    """A world-frame twist (6,) in the axes of the frame."""
    return np.concatenate([twist[:3] @ R_world_frame, twist[3:] @ R_world_frame])


def finite_difference_twist(
    past: Sequence[ObjectState | None], R_world_frame: np.ndarray
) -> np.ndarray:
    """The mean twist (6,) between the newest two poses."""
    now, previous = past[-1], past[-2]
    if previous is None:
        return rotate_twist(now.twist, R_world_frame)
    span = max(now.stamp_s - previous.stamp_s, 0.5 * FRAME_S)
    v = (now.T_world_object - previous.T_world_object)[:3, 3] / span
    spin = Rotation.from_matrix(now.T_world_object[:3, :3] @ previous.T_world_object[:3, :3].T)
    return rotate_twist(np.concatenate([v, spin.as_rotvec() / span]), R_world_frame)
