"""Episodes seen in a mirror: as likely as they are, and not the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sakiyomi.scene import ObjectState
from sakiyomi_training.episodes.layout import Episode
from world_model_node.model.watched.instant import Instant

S = np.diag([1.0, -1.0, 1.0])  # left for right
POSES = (
    'frames/T_world_object',
    'hand/T_world_grasp',
    'action/T_world_grasp',
    'truth/T_world_object',
)
VECTORS = (
    'frames/points_m',
    'frames/center_of_mass_m',
    'truth/center_m',
    'truth/center_of_mass_m',
    'truth/belt_mps',
)
OF_PADS = ('hand/pad_force_n', 'hand/pad_point_m', 'hand/pad_normal', 'hand/pad_contact')
WIDE = np.diag([*np.diag(S), 1.0])  # of poses
AXIAL = np.concatenate([np.diag(S), -np.diag(S)])
TWISTS = ('frames/twist', 'hand/wrench', 'truth/twist')  # a vector, then an axial one


def mirrored(episode: Episode) -> Episode:
    """The episode with y for -y in the world and in every frame of an object or the hand."""
    other = dict(episode)
    for name in POSES:
        other[name] = (WIDE @ episode[name] @ WIDE).astype(np.float32)
    for name in VECTORS:
        other[name] = (episode[name] * np.diag(S)).astype(np.float32)
    for name in TWISTS:
        other[name] = (episode[name] * AXIAL).astype(np.float32)
    for name in OF_PADS:  # what was the left pad is the right one
        swapped = episode[name][:, ::-1]
        vector = swapped.ndim == 3
        other[name] = (swapped * np.diag(S)).astype(np.float32) if vector else swapped.copy()
    for name in ('frames/pose_covariance', 'frames/twist_covariance'):
        other[name] = (episode[name] * np.outer(AXIAL, AXIAL)).astype(np.float32)
    return other


def mirrored_instant(instant: Instant) -> Instant:
    """The same of an instant in which no hand takes part."""
    objects = tuple(_mirrored_state(state) for state in instant.objects)
    return replace(instant, objects=objects, surface_mps=instant.surface_mps * np.diag(S)[:2])


def _mirrored_state(state: ObjectState) -> ObjectState:
    p, S_of_pose = state.properties, np.outer(AXIAL, AXIAL)
    return replace(
        state,
        T_world_object=WIDE @ state.T_world_object @ WIDE,
        pose_covariance=state.pose_covariance * S_of_pose,
        twist=state.twist * AXIAL,
        twist_covariance=state.twist_covariance * S_of_pose,
        points_m=state.points_m * np.diag(S).astype(np.float32),
        properties=replace(
            p,
            center_of_mass_m=S @ p.center_of_mass_m,
            center_of_mass_covariance=S @ p.center_of_mass_covariance @ S,
        ),
    )
