"""The shape of a tracked surface for contact physics: contact points, planes, inertia."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from world_model_node.model.dimensions import (
    NUM_FEET,
    NUM_OUTLINE_POINTS,
    NUM_PLANES,
    NUM_POINTS,
    NUM_SURFACE_POINTS,
)
from world_model_node.model.physics.surface_sampling import farthest_point_sampling, inlier_mask


def fibonacci_directions(count: int) -> np.ndarray:
    """Unit vectors (count, 3) spread over the sphere by Fibonacci's lattice."""
    k = np.arange(count) + 0.5
    z = 1.0 - 2.0 * k / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * k
    horizontal = np.sqrt(1.0 - z**2)
    return np.stack([horizontal * np.cos(turn), horizontal * np.sin(turn), z], 1)


POINT_DIRECTIONS = fibonacci_directions(NUM_POINTS - NUM_FEET)
FOOT_ANGLES = 2.0 * np.pi * np.arange(NUM_FEET) / NUM_FEET
FOOT_DIRECTIONS = np.stack([np.cos(FOOT_ANGLES), np.sin(FOOT_ANGLES), np.zeros(NUM_FEET)], 1)
PLANE_DIRECTIONS = fibonacci_directions(NUM_PLANES)


@dataclass(frozen=True)
class BodyShapeConfig:
    """Tuning of the shape.

    Attributes:
        max_standing_gap_m: Gap to the table below which a slow object stands on the table.
        min_fall_speed_mps: Vertical speed from which an object falls or flies.
        surface_to_solid: Second moment of a solid ball or cube over that of its surface.
        same_face_rad: Largest angle between the normals of faces that form one.
        min_size_m: Least half extent.
        num_vertical_planes: Number of planes that follow the outline from above.
        min_area_fraction: Least share of a face in the area of the hull.
    """

    max_standing_gap_m: float = 0.02
    min_fall_speed_mps: float = 0.3
    surface_to_solid: float = 0.6
    same_face_rad: float = float(np.radians(20.0))
    min_size_m: float = 0.004
    num_vertical_planes: int = 8
    min_area_fraction: float = 1e-4


@dataclass(frozen=True)
class BodyShape:
    """The shape of one object in the object frame."""

    points: np.ndarray  # (NUM_POINTS, 3) m
    directions: np.ndarray  # (NUM_POINTS, 3) in which each point is extreme
    planes: np.ndarray  # (NUM_PLANES, 4) outward normal and offset [m]
    inertia: np.ndarray  # (3, 3) m^2, per kilogram about the mean
    half_extent: np.ndarray  # (3,) m
    outline: np.ndarray  # (NUM_OUTLINE_POINTS, 4) points, and one for completed points
    ground_m: float  # height of the support over the table


def body_shape(
    points_m: np.ndarray,
    completed: np.ndarray,
    T_world_object: np.ndarray,
    table_height_m: float,
    upward_mps: float,
    held: bool,
    config: BodyShapeConfig,
) -> BodyShape:
    """The shape of an object at its current pose.

    A standing object is extended down to the table, since no sensor sees the underside; an object
    that reaches into the table gets lower ground.

    Args:
        points_m: Surface in the object frame. Shape (N, 3), N >= 1.
        completed: True for completed points. Shape (N,) or empty.
        T_world_object: Pose of the object. Shape (4, 4).
        table_height_m: Height of the table.
        upward_mps: Vertical speed of the object.
        held: Whether the object is in the hand.
        config: Tuning of the shape.
    """
    points, completed = _without_outliers(points_m, completed)
    R, t = T_world_object[:3, :3], T_world_object[:3, 3]
    world = points @ R.T + t
    lowest = float(world[:, 2].min()) - table_height_m
    horizontal = FOOT_DIRECTIONS @ _heading(R).T
    is_slow = abs(upward_mps) < config.min_fall_speed_mps
    is_standing = not held and is_slow and lowest < config.max_standing_gap_m
    ground = min(0.0, lowest) if is_standing or lowest < 0.0 else 0.0
    if is_standing:
        foot = world[world[:, 2] < world[:, 2].min() + config.max_standing_gap_m].copy()
        foot[:, 2] = table_height_m + ground
        foot = (foot - t) @ R
        feet = foot[np.argmax(horizontal @ R @ foot.T, axis=1)]
        down = np.tile(-R[2], (NUM_FEET, 1))
        solid = np.vstack([points, foot])
    else:
        down = (horizontal - [0.0, 0.0, 1.0]) @ R / np.sqrt(2.0)
        feet, solid = points[np.argmax(down @ points.T, axis=1)], points
    side_points = points[np.argmax(POINT_DIRECTIONS @ points.T, axis=1)]
    half = np.maximum(0.5 * np.ptp(solid, axis=0), config.min_size_m)
    inliers = np.linspace(0, len(points) - 1, NUM_OUTLINE_POINTS).round().astype(int)
    return BodyShape(
        np.vstack([side_points, feet]),
        np.vstack([POINT_DIRECTIONS, down]),
        enclosing_planes(solid, R[2], config),
        _inertia(solid, config),
        half,
        np.column_stack([points[inliers], completed[inliers]]),
        ground,
    )


def _without_outliers(
    points_m: np.ndarray, completed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Subsampled inliers (N, 3) of a surface, and one for completed points (N,)."""
    points = points_m.astype(float)
    completed = completed.astype(float) if len(completed) else np.zeros(len(points))
    if len(points) > NUM_SURFACE_POINTS:
        inliers = farthest_point_sampling(points, NUM_SURFACE_POINTS)
        points, completed = points[inliers], completed[inliers]
    inliers = inlier_mask(points)
    reach = (POINT_DIRECTIONS @ points[inliers].T).max(axis=1)
    if reach.min() <= 0.0:  # the inliers would not enclose the origin
        return points, completed
    return points[inliers], completed[inliers]


def _heading(R: np.ndarray) -> np.ndarray:
    """The rotation about the vertical along the body's most horizontal axis. Shape (3, 3)."""
    x, y = R[:2, int(np.argmin(np.abs(R[2]).round(6)))]
    c, s = np.array([x, y]) / np.hypot(x, y)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _inertia(points: np.ndarray, config: BodyShapeConfig) -> np.ndarray:
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((3, 3))
    spread = config.surface_to_solid * spread + np.eye(3) * config.min_size_m**2 / 3.0
    return np.trace(spread) * np.eye(3) - spread


def enclosing_planes(points: np.ndarray, up: np.ndarray, config: BodyShapeConfig) -> np.ndarray:
    """Half-spaces (NUM_PLANES, 4) that contain all points (N, 3).

    Some planes follow the outline as seen along `up` (3,), the others the largest faces of the
    hull: a finger pushes the sides of a thin body, which are small faces.
    """
    try:
        hull = ConvexHull(points, qhull_options='QJ')
        horizontal = np.linalg.svd(up[None])[2][1:]  # (2, 3)
        outline = ConvexHull(points @ horizontal.T, qhull_options='QJ')
    except (QhullError, ValueError):
        return _supporting_planes(PLANE_DIRECTIONS, points)
    corners = points[hull.simplices]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    edges = np.diff(outline.points[outline.simplices], axis=1)[:, 0]
    vertical_faces = _largest_faces(
        outline.equations[:, :2] @ horizontal,
        np.linalg.norm(edges, axis=1),
        config.num_vertical_planes,
        config,
    )
    faces = _largest_faces(hull.equations[:, :3], area, NUM_PLANES - len(vertical_faces), config)
    return _supporting_planes(
        np.vstack([vertical_faces, faces, PLANE_DIRECTIONS])[:NUM_PLANES], points
    )


def _largest_faces(
    normals: np.ndarray, sizes: np.ndarray, count: int, config: BodyShapeConfig
) -> np.ndarray:
    """Mean normals (M, 3), M <= `count`, of the largest groups of nearly parallel faces."""
    like = normals @ normals.T > np.cos(config.same_face_rad)
    left, chosen = sizes.copy(), []
    while len(chosen) < count and left.max() > config.min_area_fraction * sizes.sum():
        best = int(np.argmax(like @ left * (left > 0.0)))
        face = like[best]
        mean = (normals[face] * sizes[face, None]).sum(axis=0)
        chosen.append(mean / np.linalg.norm(mean))
        left[face] = 0.0
    return np.array(chosen).reshape(-1, 3)


def _supporting_planes(normals: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.column_stack([normals, (normals @ points.T).max(axis=1)])
