"""A grasp and its features in the cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GraspFeatures:
    """The features of a grasp in the cloud, the input of the grasp model."""

    width_m: float  # of the object between the pads
    alignment: tuple[float, float]  # cosine of outward normal and closing axis, per side
    contact_points: tuple[int, int]  # observed points at each contact
    lever_m: float  # horizontal distance of the object's centre from the closing axis
    tilt_rad: float  # of the approach from straight down
    clearance_m: float  # free play between the open fingers and the nearest other point
    foreign_points: int  # points of other objects between the fingers
    near_collision_points: int  # points close to the fingers' outer sides
    finger_overlap_m: float  # reach of the object above the lower edge of the pads


@dataclass(frozen=True)
class Grasp:
    """A hand pose with the opening to approach with; the frame is that of HandGeometry."""

    object_id: int
    T_world_grasp: np.ndarray  # (4, 4)
    opening_m: float
    features: GraspFeatures
    force_n: float = 0.0
    predicted_success: float = 0.0
