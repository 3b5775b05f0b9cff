"""What an open hand has before it when it is about to close, of the tracked surface.

Imagined bodies are convex (docs/world_model.md): no finger fits into a notch of theirs, and where
they are hollow there still seems to be something to hold. The tracked surface knows better.
"""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.robot.hand_geometry import TrainedHandShape
from sakiyomi.scene import HiddenProperties
from world_model_node.model.grasp_success.grasp_attempt import GraspAttempt

MIN_POINTS_BETWEEN_PADS = 3  # points between the pads that tell a width
MIN_MASS_KG, MIN_FRICTION = 1e-3, 1e-2
FEATURE_NAMES = (
    'points between the pads',  # log(1 + n)
    'points under the freer finger',
    'points under the other',
    'narrower gap [cm]',  # of pad and surface; this and the next two are 0 where there is none
    'wider gap [cm]',
    'width [cm]',
    'deepest between [cm]',  # along the approach, of what is highest between the pads
    'centre of mass aside [cm]',  # of the pads' middle, along the pads
    'extent along the pads [cm]',
    'lowest [cm]',  # along the approach, of the whole surface
    'highest [cm]',
    'force [log N]',
    'mass [log kg]',
    'friction [log]',
)


def attempt_features(
    attempt: GraspAttempt,
    surface_m: np.ndarray,
    center_m: np.ndarray,
    properties: HiddenProperties,
    hand: TrainedHandShape,
) -> np.ndarray:
    """The numbers (len(FEATURE_NAMES),) that a hold is judged by.

    Args:
        attempt: of the hand.
        surface_m: (N, 3) world points of the object, at least one.
        center_m: (3,) its centre of mass, world frame.
        properties: believed of it.
        hand: shape that the classifier was trained with.
    """
    T_grasp_world = inverse(attempt.T_world_grasp)
    surface = transform_points(T_grasp_world, np.asarray(surface_m, float))
    x, y, z = surface.T
    half_m = 0.5 * attempt.opening_m
    between = _within(x, (-hand.pad_half_width_m, hand.pad_half_width_m))
    between &= _within(z, (hand.pad_low_z_m, hand.pad_high_z_m)) & (np.abs(y) < half_m)
    low = _within(x, (-hand.finger_half_width_m, hand.finger_half_width_m))
    low &= z < hand.fingertip_z_m
    outer_m = half_m + hand.finger_thickness_m
    under = sorted(int((low & _within(side, (half_m, outer_m))).sum()) for side in (y, -y))
    center = T_grasp_world[:3, :3] @ np.asarray(center_m, float) + T_grasp_world[:3, 3]
    return np.array(
        [
            *np.log1p([int(between.sum()), *under]),
            *_pad_clearances(surface[between], half_m),
            1e2 * abs(center[0]),
            1e2 * np.ptp(x),
            1e2 * z.max(),
            1e2 * z.min(),
            np.log(max(attempt.force_n, 0.1)),
            np.log(max(properties.mass_kg.mean, MIN_MASS_KG)),
            np.log(max(properties.friction.mean, MIN_FRICTION)),
        ]
    )


def _pad_clearances(between_m: np.ndarray, half_m: float) -> tuple[float, float, float, float]:
    """Gaps, width and depth [cm] of what is between the pads."""
    if len(between_m) < MIN_POINTS_BETWEEN_PADS:
        return 0.0, 0.0, 0.0, 0.0
    low_m, high_m = between_m[:, 1].min(), between_m[:, 1].max()
    narrower, wider = sorted((half_m - high_m, half_m + low_m))
    return tuple(1e2 * v for v in (narrower, wider, high_m - low_m, between_m[:, 2].min()))


def _within(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    return (values > span[0]) & (values < span[1])
