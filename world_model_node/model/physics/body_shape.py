"""A tracked surface as the model's physics takes it: contact points, enclosing planes, inertia."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from world_model_node.model.dimensions import FEET, OUTLINE, PLANES, POINTS, SURFACE
from world_model_node.model.physics.surface_points import farthest_points, not_astray

NEAR_TABLE_M, FALLING_MPS = 0.02, 0.3
SURFACE_TO_SOLID = 0.6  # second moments of a ball or a cube over those of its surface
SAME_FACE = np.cos(np.radians(20.0))
LEAST_SIZE_M = 0.004
WALLS = 8  # of the planes that stand upright
SLIVER = 1e-4  # of a hull, which is no face


def spread_directions(count: int) -> np.ndarray:
    """Unit vectors (count, 3) spread over the sphere by Fibonacci's lattice."""
    k = np.arange(count) + 0.5
    z = 1.0 - 2.0 * k / count
    turn = np.pi * (1.0 + np.sqrt(5.0)) * k
    level = np.sqrt(1.0 - z**2)
    return np.stack([level * np.cos(turn), level * np.sin(turn), z], 1)


AROUND = spread_directions(POINTS - FEET)
ANGLES = 2.0 * np.pi * np.arange(FEET) / FEET
LEVEL = np.stack([np.cos(ANGLES), np.sin(ANGLES), np.zeros(FEET)], 1)
OUTER = spread_directions(PLANES)


@dataclass(frozen=True)
class BodyShape:
    """Of one object, in its own frame."""

    points: np.ndarray  # (POINTS, 3) m
    directions: np.ndarray  # (POINTS, 3) that each is the farthest in
    planes: np.ndarray  # (PLANES, 4) outward normal and offset [m]
    inertia: np.ndarray  # (3, 3) m^2: per kilogram, about the mean
    half_extent: np.ndarray  # (3,) m
    outline: np.ndarray  # (OUTLINE, 4) points and whether each is guessed
    ground_m: float  # height of what it may stand on, over the table


def body_shape(
    points_m: np.ndarray,
    guessed: np.ndarray,
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
        guessed: (N,) or empty.
        T_world_object: (4, 4).
        table_height_m: height of the table.
        upward_mps: vertical speed.
        held: in the hand.
    """
    points, guessed = _cleaned(points_m, guessed)
    R, t = T_world_object[:3, :3], T_world_object[:3, 3]
    world = points @ R.T + t
    low = float(world[:, 2].min()) - table_height_m
    level = LEVEL @ _heading(R).T
    stands = not held and abs(upward_mps) < FALLING_MPS and low < NEAR_TABLE_M
    ground = min(0.0, low) if stands or low < 0.0 else 0.0
    if stands:
        foot = world[world[:, 2] < world[:, 2].min() + NEAR_TABLE_M].copy()
        foot[:, 2] = table_height_m + ground
        foot = (foot - t) @ R
        feet = foot[np.argmax(level @ R @ foot.T, axis=1)]
        down = np.tile(-R[2], (FEET, 1))
        solid = np.vstack([points, foot])
    else:
        down = (level - [0.0, 0.0, 1.0]) @ R / np.sqrt(2.0)
        feet, solid = points[np.argmax(down @ points.T, axis=1)], points
    around = points[np.argmax(AROUND @ points.T, axis=1)]
    half = np.maximum(0.5 * np.ptp(solid, axis=0), LEAST_SIZE_M)
    kept = np.linspace(0, len(points) - 1, OUTLINE).round().astype(int)
    return BodyShape(
        np.vstack([around, feet]),
        np.vstack([AROUND, down]),
        enclosing_planes(solid, R[2]),
        _inertia(solid),
        half,
        np.column_stack([points[kept], guessed[kept]]),
        ground,
    )


def _cleaned(points_m: np.ndarray, guessed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Few points (N, 3) of a surface, and whether each is guessed (N,)."""
    points = points_m.astype(float)
    guessed = guessed.astype(float) if len(guessed) else np.zeros(len(points))
    if len(points) > SURFACE:
        kept = farthest_points(points, SURFACE)
        points, guessed = points[kept], guessed[kept]
    kept = not_astray(points)
    if (AROUND @ points[kept].T).max(axis=1).min() <= 0.0:  # what holds the middle is not astray
        return points, guessed
    return points[kept], guessed[kept]


def _heading(R: np.ndarray) -> np.ndarray:
    """The rotation about the vertical that follows the body's most level axis. Shape (3, 3)."""
    x, y = R[:2, int(np.argmin(np.abs(R[2]).round(6)))]
    c, s = np.array([x, y]) / np.hypot(x, y)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _inertia(points: np.ndarray) -> np.ndarray:
    spread = np.cov(points.T, bias=True) if len(points) > 1 else np.zeros((3, 3))
    spread = SURFACE_TO_SOLID * spread + np.eye(3) * LEAST_SIZE_M**2 / 3.0
    return np.trace(spread) * np.eye(3) - spread


def enclosing_planes(points: np.ndarray, up: np.ndarray) -> np.ndarray:
    """PLANES half-spaces (PLANES, 4) that hold all points (N, 3).

    They follow the largest faces of the hull, and WALLS of them the outline as seen along `up`
    (3,): what is thin has small sides, and those are what a finger pushes.
    """
    try:
        hull = ConvexHull(points, qhull_options='QJ')
        level = np.linalg.svd(up[None])[2][1:]  # (2, 3)
        outline = ConvexHull(points @ level.T, qhull_options='QJ')
    except (QhullError, ValueError):
        return _supporting(OUTER, points)
    corners = points[hull.simplices]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    edges = np.diff(outline.points[outline.simplices], axis=1)[:, 0]
    walls = _largest(outline.equations[:, :2] @ level, np.linalg.norm(edges, axis=1), WALLS)
    faces = _largest(hull.equations[:, :3], area, PLANES - len(walls))
    return _supporting(np.vstack([walls, faces, OUTER])[:PLANES], points)


def _largest(normals: np.ndarray, sizes: np.ndarray, count: int) -> np.ndarray:
    """Mean normals (M, 3), M at most `count`, of the faces that are largest if alike ones join."""
    like = normals @ normals.T > SAME_FACE
    left, chosen = sizes.copy(), []
    while len(chosen) < count and left.max() > SLIVER * sizes.sum():
        best = int(np.argmax(like @ left * (left > 0.0)))
        face = like[best]
        mean = (normals[face] * sizes[face, None]).sum(axis=0)
        chosen.append(mean / np.linalg.norm(mean))
        left[face] = 0.0
    return np.array(chosen).reshape(-1, 3)


def _supporting(normals: np.ndarray, points: np.ndarray) -> np.ndarray:
    return np.column_stack([normals, (normals @ points.T).max(axis=1)])
