"""Features of the tracked surface before an open hand for the grasp success classifier.

Bodies of the rollout are convex (docs/world_model.md), so that the rollout misses notches and
cavities; the tracked surface shows both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.robot.hand_geometry import TrainedHandShape
from sakiyomi.scene import HiddenProperties
from world_model_node.model.grasp_success.grasp_attempt import GraspAttempt

FEATURE_NAMES = (
    'points between the pads',  # log(1 + n)
    'points under the freer finger',
    'points under the other',
    'narrower gap [cm]',  # between pad and surface; 0 without a surface, as the next two
    'wider gap [cm]',
    'width [cm]',
    'deepest between [cm]',  # along the approach, of the highest point between the pads
    'centre of mass aside [cm]',  # from the pads' middle, along the pads
    'extent along the pads [cm]',
    'lowest [cm]',  # along the approach, of the whole surface
    'highest [cm]',
    'force [log N]',
    'mass [log kg]',
    'friction [log]',
)


@dataclass(frozen=True)
class AttemptFeatureConfig:
    """Lower bounds of the features; shipped weights were trained with these values.

    Attributes:
        min_points: Number of points between the pads that define a width.
        min_force_n: Lower bound of the force.
        min_mass_kg: Lower bound of the mass.
        min_friction: Lower bound of the friction.
    """

    min_points: int = 3
    min_force_n: float = 0.1
    min_mass_kg: float = 1e-3
    min_friction: float = 1e-2


def attempt_features(
    attempt: GraspAttempt,
    surface_m: np.ndarray,
    center_m: np.ndarray,
    properties: HiddenProperties,
    hand: TrainedHandShape,
    config: AttemptFeatureConfig,
) -> np.ndarray:
    """The features (len(FEATURE_NAMES),) of a grasp attempt.

    Args:
        attempt: Pose, opening and force of the hand.
        surface_m: Surface of the object in the world frame. Shape (N, 3), N >= 1.
        center_m: Centre of mass in the world frame. Shape (3,).
        properties: Estimated properties of the object.
        hand: Shape of the hand that the classifier was trained with.
        config: Bounds of the features.
    """
    c = config
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
            *_pad_clearances(surface[between], half_m, c.min_points),
            1e2 * abs(center[0]),
            1e2 * np.ptp(x),
            1e2 * z.max(),
            1e2 * z.min(),
            np.log(max(attempt.force_n, c.min_force_n)),
            np.log(max(properties.mass_kg.mean, c.min_mass_kg)),
            np.log(max(properties.friction.mean, c.min_friction)),
        ]
    )


def _pad_clearances(
    between_m: np.ndarray, half_m: float, min_points: int
) -> tuple[float, float, float, float]:
    """Gaps, width and depth [cm] of the surface between the pads."""
    if len(between_m) < min_points:
        return 0.0, 0.0, 0.0, 0.0
    low_m, high_m = between_m[:, 1].min(), between_m[:, 1].max()
    narrower, wider = sorted((half_m - high_m, half_m + low_m))
    return tuple(1e2 * v for v in (narrower, wider, high_m - low_m, between_m[:, 2].min()))


def _within(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    return (values > span[0]) & (values < span[1])
