"""The centroid of an object of which sensors see tops and sides, and never the underside.

From above, the centroid of the convex hull is right horizontally and too high, by the hidden
volume below. Extruded down to the support, the hull has about the right height.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from sakiyomi.compiled import compiled
from sakiyomi.geometry import cross
from world_model_node.tracking.surface.shape_config import CentroidConfig


def estimate_centroid(
    surface_m: np.ndarray, table_height_m: float, config: CentroidConfig
) -> np.ndarray:
    """The centroid (3,) of an object with the seen surface (N, 3), world frame [m]."""
    corners = _extreme_points(np.asarray(surface_m, float), config.num_directions)
    seen = _hull_centroid(corners)
    floor = corners.copy()
    floor[:, 2] = support_height(surface_m[:, 2], table_height_m, config)
    low = _hull_centroid(np.concatenate([corners, floor]))[2]
    return np.array([*seen[:2], low + config.rounded_underside_share * (seen[2] - low)])


def support_height(heights_m: np.ndarray, table_height_m: float, config: CentroidConfig) -> float:
    """The height of the table or of other objects below a surface of heights (N,)."""
    low = float(np.percentile(heights_m, config.lowest_percent)) - table_height_m
    return table_height_m + low * floating_share(low, config)


def floating_share(lowest_m: float, config: CentroidConfig) -> float:
    """From 0, on the table, to 1, on other objects, by the lowest height above the table."""
    above_m = lowest_m - config.standing_m
    return float(np.clip(above_m / (config.floating_m - config.standing_m), 0.0, 1.0))


def _extreme_points(points: np.ndarray, num_directions: int) -> np.ndarray:
    """The farthest of the points (K, 3) in evenly spread directions."""
    return points[np.unique(_farthest(points, _fibonacci_sphere(num_directions)))]


@cache
def _fibonacci_sphere(count: int) -> np.ndarray:
    """Unit vectors (count, 3) on a Fibonacci lattice."""
    k = np.arange(count) + 0.5
    z, angle = 1.0 - 2.0 * k / count, np.pi * (1.0 + 5.0**0.5) * k
    r = np.sqrt(1.0 - z * z)
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], axis=1)


@compiled
def _farthest(points, directions):
    """The index (D,) of the farthest of the points (N, 3) in each direction (D, 3)."""
    best, farthest = np.zeros(len(directions), np.int64), np.full(len(directions), -np.inf)
    for n in range(len(points)):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        for d in range(len(directions)):
            reach = x * directions[d, 0] + y * directions[d, 1] + z * directions[d, 2]
            if reach > farthest[d]:
                best[d], farthest[d] = n, reach
    return best


def _hull_centroid(points: np.ndarray) -> np.ndarray:
    """The centroid (3,) of the convex hull's volume; of the box where the hull is flat."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return 0.5 * (points.min(axis=0) + points.max(axis=0))
    inside = points[hull.vertices].mean(axis=0)
    corners = points[hull.simplices] - inside  # (F, 3, 3)
    volume = np.abs(np.einsum('fi,fi->f', corners[:, 0], cross(corners[:, 1], corners[:, 2])))
    return inside + (volume @ corners.sum(axis=1)) / (4.0 * volume.sum())
