"""Scenes of a cube on a table, as a tracker would report them."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi.scene import Gaussian, HandMotion, HiddenProperties, ObjectState, Scene
from world_model_node.model.features.hand_observation import HandObservation
from world_model_node.model.features.scene_observation import SceneObservation

SIDE = np.linspace(-0.02, 0.02, 9)
CUBE = np.stack(np.meshgrid(SIDE, SIDE, SIDE), -1).reshape(-1, 3).astype(np.float32)
CUBE = CUBE[np.abs(CUBE).max(axis=1) > 0.0199]
DOWN = np.diag([1.0, -1.0, -1.0])
TIMES_S = 0.05 * np.arange(21)


def properties(mass=0.2, friction=0.5):
    return HiddenProperties(
        Gaussian(mass, (0.2 * mass) ** 2),
        Gaussian(friction, 0.05**2),
        Gaussian(0.2, 0.01),
        np.zeros(3),
        np.eye(3) * 1e-6,
    )


def cube(at=(0.5, 0.0, 0.02), velocity=(0.0, 0.0, 0.0), object_id=7, held=False, friction=0.5):
    return ObjectState(
        id=object_id,
        stamp_s=0.0,
        T_world_object=make_transform(None, np.array(at)),
        pose_covariance=np.eye(6) * 1e-6,
        twist=np.array([*velocity, 0.0, 0.0, 0.0]),
        twist_covariance=np.eye(6) * 1e-4,
        points_m=CUBE,
        colors=np.full((len(CUBE), 3), 128, np.uint8),
        properties=properties(friction=friction),
        held=held,
    )


def observed(*states, hand=None, frames=13, belt=(0.0, 0.0)):
    """Instants 0.1 s apart in which the states went on as they do now."""
    observations = []
    for age in range(frames - 1, -1, -1):
        moved = tuple(_earlier(state, 0.1 * age) for state in states)
        observations.append(SceneObservation(-0.1 * age, moved, 0.0, hand, np.array(belt)))
    return observations


def _earlier(state, age_s):
    T = state.T_world_object.copy()
    T[:3, 3] -= age_s * state.twist[:3]
    return replace(state, T_world_object=T, stamp_s=-age_s)


def scene_of(observation):
    cloud = np.zeros((0, 3), np.float32)
    return Scene(observation.stamp_s, observation.objects, cloud, observation.table_height_m)


def hand_at(at, width=0.0, force=20.0):
    return HandObservation(make_transform(DOWN, np.array(at)), width, force)


def motion(start, velocity, width=0.0, force=20.0):
    """The hand on a straight way from `start`."""
    at = np.array(start) + TIMES_S[:, None] * np.array(velocity)
    poses = np.stack([make_transform(DOWN, p) for p in at])
    return HandMotion(TIMES_S, poses, np.full(len(TIMES_S), width), force)


def reaching(at, width, force=20.0):
    """The open hand comes down by 6 cm onto `at`, closes and goes up again."""
    heights = np.interp(TIMES_S, [0.0, 0.2, 0.6, 1.0], [0.06, 0.0, 0.0, 0.05])
    widths = np.interp(TIMES_S, [0.2, 0.6], [width, 0.0])
    poses = np.stack([make_transform(DOWN, np.add(at, (0.0, 0.0, z))) for z in heights])
    return HandMotion(TIMES_S, poses, widths, force)


def turned(state, T):
    """The state in a world that was moved by T (4, 4)."""
    R = T[:3, :3]
    return replace(
        state,
        T_world_object=T @ state.T_world_object,
        twist=np.concatenate([R @ state.twist[:3], R @ state.twist[3:]]),
    )


def turning(at, angle):
    """The hand turns about its approach, evenly, by an angle in one second."""
    turns = Rotation.from_rotvec(angle * TIMES_S[:, None] * [0.0, 0.0, 1.0]).as_matrix()
    poses = np.stack([make_transform(R @ DOWN, np.array(at)) for R in turns])
    return HandMotion(TIMES_S, poses, np.full(len(TIMES_S), 0.04), 40.0)


def yaw(angle, shift=(0.0, 0.0, 0.0)):
    return make_transform(Rotation.from_euler('z', angle).as_matrix(), np.array(shift))
