"""The arrays that the network takes of one window."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_node.model.dimensions import (
    HAND_SIZE,
    MOTION_SIZE,
    NUM_FRAMES,
    NUM_OUTLINE_POINTS,
    NUM_PLANES,
    NUM_POINTS,
    OUTLINE_SIZE,
    TOUCH_SIZE,
)


class InputWindow(NamedTuple):
    """The input of the network for n objects, float32, in the frame of the window."""

    motion: np.ndarray  # (F, n, MOTION_SIZE)
    seen: np.ndarray  # (F, n) 1 for a tracked object
    hand: np.ndarray  # (F, n, HAND_SIZE)
    hand_on: np.ndarray  # (F,)
    touch: np.ndarray  # (F, n, TOUCH_SIZE)
    touch_on: np.ndarray  # (F,)
    outline: np.ndarray  # (n, NUM_OUTLINE_POINTS, 5)
    shape_on: np.ndarray  # (n,)
    place: np.ndarray  # (n, 3)
    rotation: np.ndarray  # (n, 4) w x y z
    twist: np.ndarray  # (n, 6) as tracked
    measured: np.ndarray  # (n, 6) from the newest two poses
    points: np.ndarray  # (n, NUM_POINTS, 3)
    directions: np.ndarray  # (n, NUM_POINTS, 3)
    planes: np.ndarray  # (n, NUM_PLANES, 4)
    inertia: np.ndarray  # (n, 3, 3) m^2
    center: np.ndarray  # (n, 3) m, estimated centre of mass
    center_sigma: np.ndarray  # (n, 3) m
    half_extent: np.ndarray  # (n, 3)
    ground: np.ndarray  # (n, 1)
    surface: np.ndarray  # (n, 2) m/s, velocity of the supporting belt
    prior: np.ndarray  # (n, 4) log mass, its sigma, log friction, its sigma
    held: np.ndarray  # (n,)
    present: np.ndarray  # (n,)


def array_shapes(n: int) -> dict[str, tuple[int, ...]]:
    """The shape of every array for n objects."""
    return {
        'motion': (NUM_FRAMES, n, MOTION_SIZE),
        'seen': (NUM_FRAMES, n),
        'hand': (NUM_FRAMES, n, HAND_SIZE),
        'hand_on': (NUM_FRAMES,),
        'touch': (NUM_FRAMES, n, TOUCH_SIZE),
        'touch_on': (NUM_FRAMES,),
        'outline': (n, NUM_OUTLINE_POINTS, OUTLINE_SIZE),
        'shape_on': (n,),
        'place': (n, 3),
        'rotation': (n, 4),
        'twist': (n, 6),
        'measured': (n, 6),
        'points': (n, NUM_POINTS, 3),
        'directions': (n, NUM_POINTS, 3),
        'planes': (n, NUM_PLANES, 4),
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
