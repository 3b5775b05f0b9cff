"""The watched past as arrays, in a frame that turns with the scene.

The frame stands on the table, its origin amid the objects and its x axis along the motion, so that
what the network says does not depend on where and in which direction something happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse
from sakiyomi.scene import ObjectState
from world_model_node.model.dimensions import (
    FRAME_S,
    FRAMES,
    HAND,
    MOTION,
    OUTLINE,
    OUTLINE_CHANNELS,
    PLANES,
    POINTS,
    TOUCH,
)
from world_model_node.model.physics.body_shape import BodyShape, body_shape
from world_model_node.model.watched.hand_window import FAR_M, quaternions, write_hand
from world_model_node.model.watched.instant import Instant, aligned, state_of, usable

TURN_SCALE_RADPS = 5.0
NO_TILT = 1e-4  # weight of the tie-breakers of the heading
LAG_FRAMES = 3
MOST_SHAPES = 64  # kept
_SHAPES: dict[tuple, BodyShape] = {}


class Window(NamedTuple):
    """What the network takes; n objects, float32; T_world_frame leads back to the world."""

    motion: np.ndarray  # (F, n, MOTION)
    seen: np.ndarray  # (F, n) 1 where there is a track
    hand: np.ndarray  # (F, n, HAND)
    hand_on: np.ndarray  # (F,)
    touch: np.ndarray  # (F, n, TOUCH)
    touch_on: np.ndarray  # (F,)
    outline: np.ndarray  # (n, OUTLINE, 5)
    shape_on: np.ndarray  # (n,)
    place: np.ndarray  # (n, 3)
    rotation: np.ndarray  # (n, 4) w x y z
    twist: np.ndarray  # (n, 6) as tracked
    measured: np.ndarray  # (n, 6) from the newest two poses
    points: np.ndarray  # (n, POINTS, 3)
    directions: np.ndarray  # (n, POINTS, 3)
    planes: np.ndarray  # (n, PLANES, 4)
    inertia: np.ndarray  # (n, 3, 3) m^2
    center: np.ndarray  # (n, 3) m of mass, as felt so far
    center_sigma: np.ndarray  # (n, 3) m
    half_extent: np.ndarray  # (n, 3)
    ground: np.ndarray  # (n, 1)
    surface: np.ndarray  # (n, 2) m/s of what it may stand on
    prior: np.ndarray  # (n, 4) log mass, its sigma, log friction, its sigma
    held: np.ndarray  # (n,)
    present: np.ndarray  # (n,)


class Framed(NamedTuple):
    """A window and where its frame is."""

    window: Window
    T_world_frame: np.ndarray  # (4, 4)
    ids: tuple[int, ...]


def make_window(instants: Sequence[Instant], size: int) -> Framed:
    """The newest instant and what led to it, for at most `size` objects of it.

    Args:
        instants: oldest first; at least one.
        size: objects in the arrays; those that are missing are zero.
    """
    now = instants[-1]
    states = tuple(s for s in now.objects if usable(s))[:size]
    frames = aligned(instants)
    T_world_frame = _frame(states, frames)
    arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes(size).items()}
    arrays['rotation'][:, 0] = 1.0
    arrays['inertia'][:] = 1e-4 * np.eye(3)
    arrays['half_extent'][:] = 0.02
    arrays['center_sigma'][:] = 0.01
    arrays['planes'][..., 3] = 0.02
    for index, state in enumerate(states):
        _write_object(arrays, index, state, frames, T_world_frame, now.table_height_m)
    write_hand(arrays, states, frames, T_world_frame)
    return Framed(Window(**arrays), T_world_frame, tuple(s.id for s in states))


def shapes(n: int) -> dict[str, tuple[int, ...]]:
    """The shape of every array for n objects."""
    return {
        'motion': (FRAMES, n, MOTION),
        'seen': (FRAMES, n),
        'hand': (FRAMES, n, HAND),
        'hand_on': (FRAMES,),
        'touch': (FRAMES, n, TOUCH),
        'touch_on': (FRAMES,),
        'outline': (n, OUTLINE, OUTLINE_CHANNELS),
        'shape_on': (n,),
        'place': (n, 3),
        'rotation': (n, 4),
        'twist': (n, 6),
        'measured': (n, 6),
        'points': (n, POINTS, 3),
        'directions': (n, POINTS, 3),
        'planes': (n, PLANES, 4),
        'inertia': (n, 3, 3),
        'center': (n, 3),
        'center_sigma': (n, 3),
        'half_extent': (n, 3),
        'ground': (n, 1),
        'surface': (n, 2),
        'prior': (n, 4),
        'held': (n,),
        'present': (n,),
    }


def _frame(states: Sequence[ObjectState], frames: Sequence[Instant | None]) -> np.ndarray:
    """The frame amid the objects, turned along what moves; on the table. Shape (4, 4)."""
    T = np.eye(4)
    T[2, 3] = frames[-1].table_height_m
    if not states:
        return T
    T[:2, 3] = np.mean([s.T_world_object[:2, 3] for s in states], axis=0)
    along = np.zeros(2)
    for state in states:
        before = state_of(frames[-1 - LAG_FRAMES], state.id)
        if before is not None:
            along += (state.T_world_object - before.T_world_object)[:2, 3]
        along += FRAME_S * state.twist[:2] + NO_TILT * state.T_world_object[:2, 0]
    hands = [f.hand for f in (frames[-1 - LAG_FRAMES], frames[-1]) if f and f.hand is not None]
    if len(hands) == 2:
        along += (hands[1].T_world_grasp - hands[0].T_world_grasp)[:2, 3]
    length = np.linalg.norm(along)
    c, s = along / length if length > 1e-9 else (1.0, 0.0)
    T[:2, :2] = [[c, -s], [s, c]]
    return T


def _shape_of(state: ObjectState, table_m: float) -> BodyShape:
    """As the last time where the surface lies as it did: most objects rest."""
    told = (state.points_m, state.guessed, state.T_world_object, state.twist[2:3])
    key = (*(np.asarray(a).tobytes() for a in told), table_m, state.held)
    if key not in _SHAPES:
        if len(_SHAPES) >= MOST_SHAPES:
            _SHAPES.pop(next(iter(_SHAPES)))
        _SHAPES[key] = body_shape(
            state.points_m,
            state.guessed,
            state.T_world_object,
            table_m,
            state.twist[2],
            state.held,
        )
    return _SHAPES[key]


def _write_object(
    arrays: dict[str, np.ndarray],
    index: int,
    state: ObjectState,
    frames: Sequence[Instant | None],
    T_world_frame: np.ndarray,
    table_m: float,
) -> None:
    turn = T_world_frame[:3, :3]
    T = inverse(T_world_frame) @ state.T_world_object
    shape = _shape_of(state, round(table_m, 4))
    past = [state_of(frame, state.id) for frame in frames]
    surface = [(frame.surface_mps if frame else np.zeros(2)) @ turn[:2, :2] for frame in frames]
    _write_motion(arrays, index, past, surface, T_world_frame, shape)
    values = {
        'place': T[:3, 3],
        'rotation': quaternions(T[None, :3, :3])[0],
        'twist': _turned(state.twist, turn),
        'measured': _measured(past, turn),
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
    turn, now = T_world_frame[:3, :3], past[-1]
    known = [frame for frame, state in enumerate(past) if state is not None]
    T = np.array([past[frame].T_world_object for frame in known])
    away = Rotation.from_matrix(T[:, :3, :3] @ now.T_world_object[:3, :3].T).as_rotvec() @ turn
    shift = np.clip((T[:, :3, 3] - now.T_world_object[:3, 3]) @ turn, -FAR_M, FAR_M) / 0.1
    bottom = (T[:, 2, :3] @ shape.points.T).min(axis=1) + T[:, 2, 3] - T_world_frame[2, 3]
    upright = T[:, :3, 2] @ turn
    before = None
    for row, frame in enumerate(known):
        state = past[frame]
        step = np.zeros(3)
        if before is not None:
            step = (state.T_world_object - before.T_world_object)[:3, 3] @ turn
            step /= max(state.stamp_s - before.stamp_s, 0.5 * FRAME_S)
        variance = np.concatenate(
            [np.diag(state.pose_covariance), np.diag(state.twist_covariance)[:3]]
        )
        sizes = np.log(np.maximum(variance.reshape(3, 3).mean(axis=1), 1e-9)) / 4.0 + 2.0
        arrays['motion'][frame, index] = np.concatenate(
            [
                shift[row],
                away[row],
                [(T[row, 2, 3] - T_world_frame[2, 3]) / 0.1, bottom[row] / 0.1],
                _turned(state.twist, turn) / np.repeat([0.5, TURN_SCALE_RADPS], 3),
                np.clip(step, -3.0, 3.0) / 0.5,
                sizes,
                [state.visible, state.held, state.slip_probability],
                _prior(state),
                upright[row],
                shape.half_extent / 0.05,
                surface[frame] / 0.5,
            ]
        )
        arrays['seen'][frame, index] = 1.0
        before = state


def _turned(twist: np.ndarray, turn: np.ndarray) -> np.ndarray:
    return np.concatenate([twist[:3] @ turn, twist[3:] @ turn])


def _measured(past: Sequence[ObjectState | None], turn: np.ndarray) -> np.ndarray:
    """The twist (6,) at the newest of two poses, a fall that gained speed on the way included."""
    now, before = past[-1], past[-2]
    if before is None:
        return _turned(now.twist, turn)
    span = max(now.stamp_s - before.stamp_s, 0.5 * FRAME_S)
    v = (now.T_world_object - before.T_world_object)[:3, 3] / span
    spin = Rotation.from_matrix(now.T_world_object[:3, :3] @ before.T_world_object[:3, :3].T)
    return _turned(np.concatenate([v, spin.as_rotvec() / span]), turn)
