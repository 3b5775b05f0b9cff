"""Mirror images of episodes, as augmentation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sakiyomi.scene import ObjectState
from sakiyomi_data.episodes.layout import Episode
from world_model_node.model.features.scene_observation import SceneObservation

REFLECTION = np.diag([1.0, -1.0, 1.0])  # exchanges left and right
POSE_COLUMNS = (
    'frames/T_world_object',
    'hand/T_world_grasp',
    'action/T_world_grasp',
    'truth/T_world_object',
)
VECTOR_COLUMNS = (
    'frames/points_m',
    'frames/center_of_mass_m',
    'truth/center_m',
    'truth/center_of_mass_m',
    'truth/belt_mps',
)
PAD_COLUMNS = ('hand/pad_force_n', 'hand/pad_point_m', 'hand/pad_normal', 'hand/pad_contact')
REFLECTION_4X4 = np.diag([*np.diag(REFLECTION), 1.0])  # reflection of poses
TWIST_SIGNS = np.concatenate([np.diag(REFLECTION), -np.diag(REFLECTION)])
TWIST_COLUMNS = ('frames/twist', 'hand/wrench', 'truth/twist')  # a vector, then an axial one


def mirrored(episode: Episode) -> Episode:
    """The episode with y for -y in the world and in every frame of an object or the hand."""
    other = dict(episode)
    for name in POSE_COLUMNS:
        other[name] = (REFLECTION_4X4 @ episode[name] @ REFLECTION_4X4).astype(np.float32)
    for name in VECTOR_COLUMNS:
        other[name] = (episode[name] * np.diag(REFLECTION)).astype(np.float32)
    for name in TWIST_COLUMNS:
        other[name] = (episode[name] * TWIST_SIGNS).astype(np.float32)
    for name in PAD_COLUMNS:  # left and right pad change places
        swapped = episode[name][:, ::-1]
        vector = swapped.ndim == 3
        other[name] = (
            (swapped * np.diag(REFLECTION)).astype(np.float32) if vector else swapped.copy()
        )
    for name in ('frames/pose_covariance', 'frames/twist_covariance'):
        other[name] = (episode[name] * np.outer(TWIST_SIGNS, TWIST_SIGNS)).astype(np.float32)
    return other


def mirrored_observation(observation: SceneObservation) -> SceneObservation:
    """The mirror image of an observation without a hand."""
    objects = tuple(_mirrored_state(state) for state in observation.objects)
    return replace(
        observation,
        objects=objects,
        belt_velocity_mps=observation.belt_velocity_mps * np.diag(REFLECTION)[:2],
    )


def _mirrored_state(state: ObjectState) -> ObjectState:
    p, covariance_signs = state.properties, np.outer(TWIST_SIGNS, TWIST_SIGNS)
    return replace(
        state,
        T_world_object=REFLECTION_4X4 @ state.T_world_object @ REFLECTION_4X4,
        pose_covariance=state.pose_covariance * covariance_signs,
        twist=state.twist * TWIST_SIGNS,
        twist_covariance=state.twist_covariance * covariance_signs,
        points_m=state.points_m * np.diag(REFLECTION).astype(np.float32),
        properties=replace(
            p,
            center_of_mass_m=REFLECTION @ p.center_of_mass_m,
            center_of_mass_covariance=REFLECTION @ p.center_of_mass_covariance @ REFLECTION,
        ),
    )
