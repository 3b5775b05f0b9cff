"""What an open hand has before it when it is about to close, of the tracked surface.

Imagined bodies are convex (docs/world_model.md): no finger fits into a notch of theirs, and where
they are hollow there still seems to be something to hold. The tracked surface knows better.
"""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.scene import HiddenProperties
from world_model_node.hold.closing import Closing

PAD_M = ((-0.009, 0.009), (-0.012, 0.006))  # sideways and along the approach, grasp frame
FINGER_M, TIP_M = (-0.010, 0.010), 0.004
THICK_M = 0.012
FEWEST = 3  # points between the pads that tell a width
LEAST_KG, LEAST_FRICTION = 1e-3, 1e-2
NAMES = (
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


def hold_features(
    closing: Closing, surface_m: np.ndarray, center_m: np.ndarray, properties: HiddenProperties
) -> np.ndarray:
    """The numbers (len(NAMES),) that a hold is judged by.

    Args:
        closing: of the hand.
        surface_m: (N, 3) world points of the object, at least one.
        center_m: (3,) its centre of mass, world frame.
        properties: believed of it.
    """
    T_grasp_world = inverse(closing.T_world_grasp)
    surface = transform_points(T_grasp_world, np.asarray(surface_m, float))
    x, y, z = surface.T
    half_m = 0.5 * closing.opening_m
    between = _in(x, PAD_M[0]) & _in(z, PAD_M[1]) & (np.abs(y) < half_m)
    low = _in(x, FINGER_M) & (z < TIP_M)
    under = sorted(int((low & _in(side, (half_m, half_m + THICK_M))).sum()) for side in (y, -y))
    center = T_grasp_world[:3, :3] @ np.asarray(center_m, float) + T_grasp_world[:3, 3]
    return np.array(
        [
            *np.log1p([int(between.sum()), *under]),
            *_fit(surface[between], half_m),
            1e2 * abs(center[0]),
            1e2 * np.ptp(x),
            1e2 * z.max(),
            1e2 * z.min(),
            np.log(max(closing.force_n, 0.1)),
            np.log(max(properties.mass_kg.mean, LEAST_KG)),
            np.log(max(properties.friction.mean, LEAST_FRICTION)),
        ]
    )


def _fit(between_m: np.ndarray, half_m: float) -> tuple[float, float, float, float]:
    """Gaps, width and depth [cm] of what is between the pads."""
    if len(between_m) < FEWEST:
        return 0.0, 0.0, 0.0, 0.0
    least, most = between_m[:, 1].min(), between_m[:, 1].max()
    narrower, wider = sorted((half_m - most, half_m + least))
    return tuple(1e2 * v for v in (narrower, wider, most - least, between_m[:, 2].min()))


def _in(values: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    return (values > span[0]) & (values < span[1])
