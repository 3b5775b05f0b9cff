"""A tracked surface as the model's physics takes it: contact points, enclosing planes, inertia."""

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

MAX_STANDING_GAP_M, MIN_FALL_SPEED_MPS = 0.02, 0.3
SURFACE_TO_SOLID = 0.6  # second moments of a ball or a cube over those of its surface
SAME_FACE_COSINE = np.cos(np.radians(20.0))
MIN_SIZE_M = 0.004
NUM_VERTICAL_PLANES = 8  # of the planes that stand upright
MIN_AREA_FRACTION = 1e-4  # of a hull, which is no face


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
class BodyShape:
    """Of one object, in its own frame."""

    points: np.ndarray  # (NUM_POINTS, 3) m
    directions: np.ndarray  # (NUM_POINTS, 3) that each is the farthest in
    planes: np.ndarray  # (NUM_PLANES, 4) outward normal and offset [m]
    inertia: np.ndarray  # (3, 3) m^2: per kilogram, about the mean
    half_extent: np.ndarray  # (3,) m
    outline: np.ndarray  # (NUM_OUTLINE_POINTS, 4) points and whether each is guessed
    ground_m: float  # height of what it may stand on, over the table


def body_shape(
    points_m: np.ndarray,
    completed: np.ndarray,
    T_world_object: np.ndarray,
    table_height_m: float,
    upward_mps: float,
    held: bool,
) -> BodyShape:
    """The shape of an object where it is now.

    What nearly stands on the table is continued down to it, for no sensor sees what lies under an
    object; what reaches into the table gets lower ground.

    Args:
        points_m: (N, 3) surface, object frame, N >= 1.
        completed: (N,) or empty.
        T_world_object: (4, 4).
        table_height_m: height of the table.
        upward_mps: vertical speed.
        held: in the hand.
    """
    points, completed = _without_outliers(points_m, completed)
    R, t = T_world_object[:3, :3], T_world_object[:3, 3]
    world = points @ R.T + t
    lowest = float(world[:, 2].min()) - table_height_m
    horizontal = FOOT_DIRECTIONS @ _heading(R).T
    is_standing = not held and abs(upward_mps) < MIN_FALL_SPEED_MPS and lowest < MAX_STANDING_GAP_M
    ground = min(0.0, lowest) if is_standing or lowest < 0.0 else 0.0
    if is_standing:
        foot = world[world[:, 2] < world[:, 2].min() + MAX_STANDING_GAP_M].copy()
        foot[:, 2] = table_height_m + ground
        foot = (foot - t) @ R
        feet = foot[np.argmax(horizontal @ R @ foot.T, axis=1)]
        down = np.tile(-R[2], (NUM_FEET, 1))
        solid = np.vstack([points, foot])
    else:
        down = (horizontal - [0.0, 0.0, 1.0]) @ R / np.sqrt(2.0)
        feet, solid = points[np.argmax(down @ points.T, axis=1)], points
    side_points = points[np.argmax(POINT_DIRECTIONS @ points.T, axis=1)]
    half = np.maximum(0.5 * np.ptp(solid, axis=0), MIN_SIZE_M)
    inliers = np.linspace(0, len(points) - 1, NUM_OUTLINE_POINTS).round().astype(int)
    return BodyShape(
        np.vstack([side_points, feet]),
        np.vstack([POINT_DIRECTIONS, down]),
        enclosing_planes(solid, R[2]),
        _inertia(solid),
        half,
        np.column_stack([points[inliers], completed[inliers]]),
        ground,
    )


def _without_outliers(
    points_m: np.ndarray, completed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Few points (N, 3) of a surface, and whether each is guessed (N,)."""
    points = points_m.astype(float)
    completed = completed.astype(float) if len(completed) else np.zeros(len(points))
    if len(points) > NUM_SURFACE_POINTS:
        inliers = farthest_point_sampling(points, NUM_SURFACE_POINTS)
        points, completed = points[inliers], completed[inliers]
    inliers = inlier_mask(points)
    if (POINT_DIRECTIONS @ points[inliers].T).max(
        axis=1
    ).min() <= 0.0:  # what holds the middle is not astray
        return points, completed
    return points[inliers], completed[inliers]


def _heading(R: np.ndarray) -> np.ndarray:
    """The rotation about the vertical that follows the body's most level axis. Shape (3, 3)."""
    x, y = R[:2, int(np.argmin(np.abs(R[2]).round(6)))]
    c, s = np.array([x, y]) / np.hypot(x, y)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _inertia(points: np.ndarray) -> np.ndarray:
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((3, 3))
    spread = SURFACE_TO_SOLID * spread + np.eye(3) * MIN_SIZE_M**2 / 3.0
    return np.trace(spread) * np.eye(3) - spread


def enclosing_planes(points: np.ndarray, up: np.ndarray) -> np.ndarray:
    """NUM_PLANES half-spaces (NUM_PLANES, 4) that hold all points (N, 3).

    They follow the largest faces of the hull, and WALLS of them the outline as seen along `up`
    (3,): what is thin has small sides, and those are what a finger pushes.
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
        outline.equations[:, :2] @ horizontal, np.linalg.norm(edges, axis=1), NUM_VERTICAL_PLANES
    )
    faces = _largest_faces(hull.equations[:, :3], area, NUM_PLANES - len(vertical_faces))
    return _supporting_planes(
        np.vstack([vertical_faces, faces, PLANE_DIRECTIONS])[:NUM_PLANES], points
    )


def _largest_faces(normals: np.ndarray, sizes: np.ndarray, count: int) -> np.ndarray:
    """Mean normals (M, 3), M at most `count`, of the faces that are largest if alike ones join."""
    like = normals @ normals.T > SAME_FACE_COSINE
    left, chosen = sizes.copy(), []
    while len(chosen) < count and left.max() > MIN_AREA_FRACTION * sizes.sum():
        best = int(np.argmax(like @ left * (left > 0.0)))
        face = like[best]
        mean = (normals[face] * sizes[face, None]).sum(axis=0)
        chosen.append(mean / np.linalg.norm(mean))
        left[face] = 0.0
    return np.array(chosen).reshape(-1, 3)


def _supporting_planes(normals: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.column_stack([normals, (normals @ points.T).max(axis=1)])
