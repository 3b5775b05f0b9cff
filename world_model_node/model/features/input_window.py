"""The observations as arrays, in a frame that follows the scene.

The frame has its origin on the table amid the objects and its x axis along the motion, so that
predictions do not depend on where and in which direction objects move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse
from sakiyomi.scene import ObjectState
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.features.hand_features import (
    MAX_FEATURE_DISTANCE_M,
    quaternions,
    write_hand_features,
)
from world_model_node.model.features.scene_observation import (
    SceneObservation,
    is_valid,
    object_state,
    resample_history,
)
from world_model_node.model.input_arrays import InputWindow, array_shapes
from world_model_node.model.physics.body_shape import BodyShape, BodyShapeConfig, body_shape

SPIN_SCALE_RADPS = 5.0
HEADING_TIE_BREAK = 1e-4  # weight of object axes in the heading of a motionless scene
LAG_FRAMES = 3  # frames over which the heading is measured
MAX_CACHED_SHAPES = 64
_SHAPE_CACHE: dict[tuple, BodyShape] = {}


class FramedWindow(NamedTuple):
    """A window and the pose of its frame."""

    window: InputWindow
    T_world_frame: np.ndarray  # (4, 4)
    ids: tuple[int, ...]


def build_window(observations: Sequence[SceneObservation], size: int) -> FramedWindow:
    """The window of the newest observation, for at most `size` objects.

    Args:
        observations: Observations, oldest first; at least one.
        size: Number of objects in the arrays; missing objects are zero.
    """
    now = observations[-1]
    states = tuple(s for s in now.objects if is_valid(s))[:size]
    frames = resample_history(observations)
    T_world_frame = _window_frame(states, frames)
    arrays = {name: np.zeros(shape, np.float32) for name, shape in array_shapes(size).items()}
    arrays['rotation'][:, 0] = 1.0
    arrays['inertia'][:] = 1e-4 * np.eye(3)
    arrays['half_extent'][:] = 0.02
    arrays['center_sigma'][:] = 0.01
    arrays['planes'][..., 3] = 0.02
    for index, state in enumerate(states):
        _write_object(arrays, index, state, frames, T_world_frame, now.table_height_m)
    write_hand_features(arrays, states, frames, T_world_frame)
    return FramedWindow(InputWindow(**arrays), T_world_frame, tuple(s.id for s in states))


def _window_frame(
    states: Sequence[ObjectState], frames: Sequence[SceneObservation | None]
) -> np.ndarray:
    """The frame on the table amid the objects, x along the motion. Shape (4, 4)."""
    T = np.eye(4)
    T[2, 3] = frames[-1].table_height_m
    if not states:
        return T
    T[:2, 3] = np.mean([s.T_world_object[:2, 3] for s in states], axis=0)
    along = np.zeros(2)
    for state in states:
        previous = object_state(frames[-1 - LAG_FRAMES], state.id)
        if previous is not None:
            along += (state.T_world_object - previous.T_world_object)[:2, 3]
        along += FRAME_S * state.twist[:2] + HEADING_TIE_BREAK * state.T_world_object[:2, 0]
    hands = [f.hand for f in (frames[-1 - LAG_FRAMES], frames[-1]) if f and f.hand is not None]
    if len(hands) == 2:
        along += (hands[1].T_world_grasp - hands[0].T_world_grasp)[:2, 3]
    length = np.linalg.norm(along)
    c, s = along / length if length > 1e-9 else (1.0, 0.0)
    T[:2, :2] = [[c, -s], [s, c]]
    return T


def _cached_shape(state: ObjectState, table_m: float) -> BodyShape:
    """The shape, computed anew only for a changed surface or pose: most objects rest."""
    key_arrays = (state.points_m, state.completed, state.T_world_object, state.twist[2:3])
    key = (*(np.asarray(a).tobytes() for a in key_arrays), table_m, state.held)
    if key not in _SHAPE_CACHE:
        if len(_SHAPE_CACHE) >= MAX_CACHED_SHAPES:
            _SHAPE_CACHE.pop(next(iter(_SHAPE_CACHE)))
        _SHAPE_CACHE[key] = body_shape(
            state.points_m,
            state.completed,
            state.T_world_object,
            table_m,
            state.twist[2],
            state.held,
            BodyShapeConfig(),
        )
    return _SHAPE_CACHE[key]


def _write_object(
    arrays: dict[str, np.ndarray],
    index: int,
    state: ObjectState,
    frames: Sequence[SceneObservation | None],
    T_world_frame: np.ndarray,
    table_m: float,
) -> None:
    R_world_frame = T_world_frame[:3, :3]
    T = inverse(T_world_frame) @ state.T_world_object
    shape = _cached_shape(state, round(table_m, 4))
    past = [object_state(frame, state.id) for frame in frames]
    surface = [
        (frame.belt_velocity_mps if frame else np.zeros(2)) @ R_world_frame[:2, :2]
        for frame in frames
    ]
    _write_motion(arrays, index, past, surface, T_world_frame, shape)
    values = {
        'place': T[:3, 3],
        'rotation': quaternions(T[None, :3, :3])[0],
        'twist': _rotate_twist(state.twist, R_world_frame),
        'measured': _finite_difference_twist(past, R_world_frame),
        'points': shape.points,
        'directions': shape.directions,
        'planes': shape.planes,
        'inertia': shape.inertia,
        'center': state.properties.center_of_mass_m,
        'center_sigma': np.sqrt(np.diag(state.properties.center_of_mass_covariance)),
        'half_extent': shape.half_extent,
        'ground': shape.ground_m,
        'surface': surface[-1],
        'prior': _prior(state),
        'held': state.held,
        'present': 1.0,
        'shape_on': 1.0,
        'outline': _outline(shape, T),
    }
    for name, value in values.items():
        arrays[name][index] = value


def _outline(shape: BodyShape, T: np.ndarray) -> np.ndarray:
    rotated = shape.outline[:, :3] @ T[:3, :3].T
    height = rotated[:, 2:] + T[2, 3]
    return np.column_stack([rotated / 0.05, height / 0.05, shape.outline[:, 3:]])


def _prior(state: ObjectState) -> np.ndarray:
    p = state.properties
    row = []
    for g, least in ((p.mass_kg, 1e-3), (p.friction, 0.02)):
        mean = max(g.mean, least)
        row += [np.log(mean), np.sqrt(np.log1p(max(g.variance, 1e-8) / mean**2))]
    return np.array(row)


def _write_motion(
    arrays: dict[str, np.ndarray],
    index: int,
    past: Sequence[ObjectState | None],
    surface: Sequence[np.ndarray],
    T_world_frame: np.ndarray,
    shape: BodyShape,
) -> None:
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
                _rotate_twist(state.twist, R_world_frame) / np.repeat([0.5, SPIN_SCALE_RADPS], 3),
                np.clip(step, -3.0, 3.0) / 0.5,
                sizes,
                [state.visible, state.held, state.slip_probability],
                _prior(state),
                body_z[row],
                shape.half_extent / 0.05,
                surface[frame] / 0.5,
            ]
        )
        arrays['seen'][frame, index] = 1.0
        previous = state


def _rotate_twist(twist: np.ndarray, R_world_frame: np.ndarray) -> np.ndarray:
    return np.concatenate([twist[:3] @ R_world_frame, twist[3:] @ R_world_frame])


def _finite_difference_twist(
    past: Sequence[ObjectState | None], R_world_frame: np.ndarray
) -> np.ndarray:
    """The mean twist (6,) between the newest two poses."""
    now, previous = past[-1], past[-2]
    if previous is None:
        return _rotate_twist(now.twist, R_world_frame)
    span = max(now.stamp_s - previous.stamp_s, 0.5 * FRAME_S)
    v = (now.T_world_object - previous.T_world_object)[:3, 3] / span
    spin = Rotation.from_matrix(now.T_world_object[:3, :3] @ previous.T_world_object[:3, :3].T)
    return _rotate_twist(np.concatenate([v, spin.as_rotvec() / span]), R_world_frame)
