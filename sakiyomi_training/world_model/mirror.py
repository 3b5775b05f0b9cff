"""Episodes seen in a mirror: as likely as they are, and not the same."""

from __future__ import annotations

import numpy as np

from sakiyomi_training.episodes.layout import Episode

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
)
OF_PADS = ('hand/pad_force_n', 'hand/pad_point_m', 'hand/pad_normal', 'hand/pad_contact')
TWISTS = ('frames/twist', 'hand/wrench', 'truth/twist')  # a vector, then an axial one


def mirrored(episode: Episode) -> Episode:
    """The episode with y for -y in the world and in every frame of an object or the hand."""
    other = dict(episode)
    wide = np.eye(4)
    wide[:3, :3] = S
    axial = np.concatenate([np.diag(S), -np.diag(S)])
    for name in POSES:
        other[name] = (wide @ episode[name] @ wide).astype(np.float32)
    for name in VECTORS:
        other[name] = (episode[name] * np.diag(S)).astype(np.float32)
    for name in TWISTS:
        other[name] = (episode[name] * axial).astype(np.float32)
    for name in OF_PADS:  # what was the left pad is the right one
        swapped = episode[name][:, ::-1]
        vector = swapped.ndim == 3
        other[name] = (swapped * np.diag(S)).astype(np.float32) if vector else swapped.copy()
    for name in ('frames/pose_covariance', 'frames/twist_covariance'):
        other[name] = (episode[name] * np.outer(axial, axial)).astype(np.float32)
    return other
