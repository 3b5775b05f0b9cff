"""Point clouds of known solids, as the fusion would deliver them without noise."""

import numpy as np

from planner_node.grasping.grasp import GraspFeatures
from sakiyomi.scene import Gaussian, HiddenProperties, ObjectState, Scene

PROPERTIES = HiddenProperties(
    mass_kg=Gaussian(0.2, 0.01),
    friction=Gaussian(0.6, 0.02),
    restitution=Gaussian(0.1, 0.01),
    center_of_mass_m=np.zeros(3),
    center_of_mass_covariance=np.eye(3) * 1e-4,
)

GOOD = GraspFeatures(
    width_m=0.04,
    alignment=(1.0, 1.0),
    contact_points=(30, 30),
    lever_m=0.0,
    tilt_rad=0.0,
    clearance_m=0.015,
    foreign_points=0,
    near_collision_points=0,
    finger_overlap_m=0.02,
)


def box_surface(center, size, count=1500, seed=0):
    """Points on the four sides and the top of a box."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 0.5, (count, 3))
    face = rng.integers(0, 5, count)
    axis, sign = np.array([0, 0, 1, 1, 2])[face], np.array([1, -1, 1, -1, 1])[face]
    points[np.arange(count), axis] = 0.5 * sign
    return (points * size + center).astype(np.float32)


def tracked(object_id, points):
    center = points.mean(axis=0)
    T = np.eye(4)
    T[:3, 3] = center
    return ObjectState(
        id=object_id,
        stamp_s=0.0,
        T_world_object=T,
        pose_covariance=np.eye(6) * 1e-6,
        twist=np.zeros(6),
        twist_covariance=np.eye(6) * 1e-6,
        points_m=(points - center).astype(np.float32),
        colors=np.zeros((len(points), 3), np.uint8),
        properties=PROPERTIES,
    )


def scene_of(*clouds):
    objects = tuple(tracked(i + 1, cloud) for i, cloud in enumerate(clouds))
    return Scene(0.0, objects, np.concatenate(clouds))
