"""Where the centroid of an object is, of which sensors see tops and sides but never the underside.

From above, the convex hull of what is seen has about the right middle, too high by what hides
below; with the outline carried down to the support it has about the right height.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from sakiyomi.compiled import compiled
from world_model_node.tracking.registration import cross

NUM_DIRECTIONS = 96  # in which the outermost points are looked for
STANDS_M, FLOATS_M = 0.015, 0.035  # lowest points below stand on the table, above do not
LOWEST_PERCENT = 2
# undersides are a little rounder than straight down; fitted on 130 objects
ROUNDED_UNDERSIDE_SHARE = 0.2


def _fibonacci_sphere() -> np.ndarray:
    k = np.arange(NUM_DIRECTIONS) + 0.5  # a Fibonacci lattice on the sphere
    z, angle = 1.0 - 2.0 * k / NUM_DIRECTIONS, np.pi * (1.0 + 5.0**0.5) * k
    r = np.sqrt(1.0 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


_DIRECTIONS = _fibonacci_sphere()  # (DIRECTIONS, 3) unit vectors


def estimate_centroid(surface_m: np.ndarray, table_height_m: float) -> np.ndarray:
    """The centroid (3,) of an object with the seen surface (N, 3), world frame [m]."""
    corners = _extreme_points(np.asarray(surface_m, float))
    seen = _hull_centroid(corners)
    floor = corners.copy()
    floor[:, 2] = support_height(surface_m[:, 2], table_height_m)
    low = _hull_centroid(np.concatenate([corners, floor]))[2]
    return np.array([*seen[:2], low + ROUNDED_UNDERSIDE_SHARE * (seen[2] - low)])


def support_height(heights_m: np.ndarray, table_height_m: float) -> float:
    """The height of what a surface of these heights (N,) stands on: the table, or others."""
    low = float(np.percentile(heights_m, LOWEST_PERCENT)) - table_height_m
    share = float(np.clip((low - STANDS_M) / (FLOATS_M - STANDS_M), 0.0, 1.0))
    return table_height_m + low * share


def _extreme_points(points: np.ndarray) -> np.ndarray:
    """The points (K, 3) that stick out farthest in evenly spread directions."""
    return points[np.unique(_farthest(points, _DIRECTIONS))]


@compiled
def _farthest(points, directions):
    """Which of the points (N, 3) is the farthest in each direction (D, 3). Shape (D,)."""
    best, farthest = np.zeros(len(directions), np.int64), np.full(len(directions), -np.inf)
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for d in range(len(directions)):
            reach = x * directions[d, 0] + y * directions[d, 1] + z * directions[d, 2]
            if reach > farthest[d]:
                best[d], farthest[d] = n, reach
    return best


def _hull_centroid(points: np.ndarray) -> np.ndarray:
    """Of the volume of the convex hull (3,); of the box where that is flat."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return 0.5 * (points.min(axis=0) + points.max(axis=0))
    inside = points[hull.vertices].mean(axis=0)
    corners = points[hull.simplices] - inside  # (F, 3, 3)
    volume = np.abs(np.einsum('fi,fi->f', corners[:, 0], cross(corners[:, 1], corners[:, 2])))
    return inside + (volume @ corners.sum(axis=1)) / (4.0 * volume.sum())
