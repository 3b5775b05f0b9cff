"""Scenes as columns, and columns as scenes."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import (
    NO_OBJECT,
    ContactPoints,
    Gaussian,
    HandMotion,
    HiddenProperties,
    ObjectState,
    Scene,
)
from sakiyomi_data.episodes.layout import (
    FRAME_PERIOD_S,
    NUM_FRAMES,
    NUM_POINTS,
    NUM_TRACK_SLOTS,
    SAMPLE_PERIOD_S,
    T0_FRAME,
    Episode,
    empty_episode,
)
from world_model_node.model.physics.surface_sampling import farthest_point_sampling

NO_TRACK = -1
GRAY_LEVEL = 128
SAMPLES_PER_FRAME = round(FRAME_PERIOD_S / SAMPLE_PERIOD_S)


def scenes_to_columns(scenes: list[Scene], t0_s: float) -> Episode:
    """The `frames` columns of one episode; stamps count from t0."""
    columns = {n: c for n, c in empty_episode().items() if n.startswith('frames/')}
    ids = select_track_ids(scenes)
    columns['frames/id'][:] = NO_TRACK
    columns['frames/id'][: len(ids)] = ids
    for frame, scene in enumerate(scenes):
        columns['frames/stamp_s'][frame] = scene.stamp_s - t0_s
        columns['frames/table_height_m'][frame] = scene.table_height_m
        for slot, object_id in enumerate(ids):
            state = scene.object_by_id(object_id)
            if state is not None and len(state.points_m):
                _write_state(columns, frame, slot, state)
    return columns


def select_track_ids(scenes: list[Scene]) -> list[int]:
    """The tracks that are kept: those at t0 first, then those seen longest."""
    frames: dict[int, int] = {}
    for scene in scenes:
        for state in scene.objects:
            frames[state.id] = frames.get(state.id, 0) + 1
    at_t0 = {state.id for state in scenes[T0_FRAME].objects}
    ranked = sorted(frames, key=lambda i: (i not in at_t0, -frames[i], i))
    return sorted(ranked[:NUM_TRACK_SLOTS])


def _write_state(columns: Episode, frame: int, slot: int, state: ObjectState) -> None:
    chosen = farthest_point_sampling(state.points_m, NUM_POINTS)
    completed = state.completed if len(state.completed) else np.zeros(len(state.points_m), bool)
    p = state.properties
    values = {
        'present': True,
        'visible': state.visible,
        'held': state.held,
        'T_world_object': state.T_world_object,
        'pose_covariance': state.pose_covariance,
        'twist': state.twist,
        'twist_covariance': state.twist_covariance,
        'points_m': state.points_m[chosen],
        'guessed': completed[chosen],
        'properties': [
            value for g in (p.mass_kg, p.friction, p.restitution) for value in (g.mean, g.variance)
        ],
        'center_of_mass_m': p.center_of_mass_m,
        'center_of_mass_covariance': p.center_of_mass_covariance,
    }
    for name, value in values.items():
        columns[f'frames/{name}'][frame, slot] = value


def read_scenes(episode: Episode, until: int = NUM_FRAMES) -> list[Scene]:
    """The scenes of one episode up to frame `until`; colours are not kept, the cloud is empty."""
    return [_scene(episode, frame) for frame in range(until)]


def _scene(episode: Episode, frame: int) -> Scene:
    objects = tuple(
        _state(episode, frame, slot)
        for slot in range(NUM_TRACK_SLOTS)
        if episode['frames/present'][frame, slot]
    )
    return Scene(
        stamp_s=float(episode['frames/stamp_s'][frame]),
        objects=objects,
        cloud_m=np.zeros((0, 3), np.float32),
        table_height_m=float(episode['frames/table_height_m'][frame]),
        contacts=_contacts(episode, frame, objects),
        belt_velocity_mps=_belt(episode, frame),
    )


def _belt(episode: Episode, frame: int) -> np.ndarray:
    """How the belt ran (2,) [m/s], as its drive tells a robot; files that lack it have no belt."""
    velocity = episode['truth/belt_mps'][frame * SAMPLES_PER_FRAME, :2].astype(float)
    return np.nan_to_num(velocity)


def _contacts(episode: Episode, frame: int, objects: tuple[ObjectState, ...]) -> ContactPoints:
    """The resultant of each pressed pad; whose it is, where an object is held."""
    row = frame * SAMPLES_PER_FRAME
    pressed = np.flatnonzero(episode['hand/pad_contact'][row])
    held = next((state.id for state in objects if state.held), NO_OBJECT)
    return ContactPoints(
        points_m=episode['hand/pad_point_m'][row, pressed].astype(float),
        normals=episode['hand/pad_normal'][row, pressed].astype(float),
        forces_n=episode['hand/pad_force_n'][row, pressed].astype(float),
        object_ids=np.full(len(pressed), held),
        sources=pressed,
    )


def _state(episode: Episode, frame: int, slot: int) -> ObjectState:
    c = {
        name.partition('/')[2]: episode[name][frame, slot].astype(
            np.float64 if episode[name].dtype == np.float32 else episode[name].dtype
        )
        for name in episode
        if name.startswith('frames/') and episode[name].ndim >= 2
    }
    mass, friction, restitution = (
        Gaussian(float(m), float(v)) for m, v in c['properties'].reshape(3, 2)
    )
    return ObjectState(
        id=int(episode['frames/id'][slot]),
        stamp_s=float(episode['frames/stamp_s'][frame]),
        T_world_object=c['T_world_object'],
        pose_covariance=c['pose_covariance'],
        twist=c['twist'],
        twist_covariance=c['twist_covariance'],
        points_m=c['points_m'].astype(np.float32),
        colors=np.full((NUM_POINTS, 3), GRAY_LEVEL, np.uint8),
        properties=HiddenProperties(
            mass, friction, restitution, c['center_of_mass_m'], c['center_of_mass_covariance']
        ),
        visible=bool(c['visible']),
        held=bool(c['held']),
        completed=c['guessed'],
    )


def read_action(episode: Episode) -> HandMotion | None:
    """The hand's plan from t0 on, or None where no hand takes part."""
    if not episode['hand/present']:
        return None
    return HandMotion(
        times_s=episode['action/times_s'].astype(float),
        T_world_grasp=episode['action/T_world_grasp'].astype(float),
        finger_width_m=episode['action/finger_width_m'].astype(float),
        force_n=float(episode['action/force_n'][0]),
    )
