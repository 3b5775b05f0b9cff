"""The observations as arrays, in a frame that follows the scene.

The frame has its origin on the table amid the objects and its x axis along the motion, so that
predictions do not depend on where and in which direction objects move.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sakiyomi.geometry import inverse
from sakiyomi.scene import ObjectState
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.features.hand_features import quaternions, write_hand_features
from world_model_node.model.features.motion_features import (
    finite_difference_twist,
    log_normal_prior,
    rotate_twist,
    write_motion_features,
)
from world_model_node.model.features.scene_observation import (
    SceneObservation,
    is_valid,
    object_state,
    resample_history,
)
from world_model_node.model.input_arrays import InputWindow, array_shapes
from world_model_node.model.physics.body_shape import BodyShape, BodyShapeConfig, body_shape

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
    write_motion_features(arrays, index, past, surface, T_world_frame, shape)
    values = {
        'place': T[:3, 3],
        'rotation': quaternions(T[None, :3, :3])[0],
        'twist': rotate_twist(state.twist, R_world_frame),
        'measured': finite_difference_twist(past, R_world_frame),
        'points': shape.points,
        'directions': shape.directions,
        'planes': shape.planes,
        'inertia': shape.inertia,
        'center': state.properties.center_of_mass_m,
        'center_sigma': np.sqrt(np.diag(state.properties.center_of_mass_covariance)),
        'half_extent': shape.half_extent,
        'ground': shape.ground_m,
        'surface': surface[-1],
        'prior': log_normal_prior(state),
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
