"""Subsampling of a tracked surface: farthest points, and a test for outliers."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def farthest_point_sampling(points: np.ndarray, count: int) -> np.ndarray:
    """Indices (count,) of points, each farthest from those before; repeated if too few."""
    chosen = np.zeros(count, int)
    gap = np.sum((points - points.mean(axis=0)) ** 2, axis=1)
    for i in range(count):
        chosen[i] = int(gap.argmax())
        away = np.sum((points - points[chosen[i]]) ** 2, axis=1)
        gap = np.minimum(gap, away) if i else away
    return chosen


def inlier_mask(
    points: np.ndarray, neighbours: int = 3, ratio: float = 2.0, min_points: int = 24
) -> np.ndarray:
    """Mask (N,) of the points of an evenly sampled surface (N, 3) that are no outliers.

    A few points of the table or the hand widen the convex hull so much that the object seems too
    wide for the hand.

    Args:
        points: Surface points. Shape (N, 3).
        neighbours: Neighbour whose distance is compared.
        ratio: Largest ratio of this distance to its median over the surface.
        min_points: Number of points below which all are inliers.
    """
    if len(points) < min_points:
        return np.ones(len(points), bool)
    away = cKDTree(points).query(points, k=neighbours + 1)[0][:, -1]
    return away <= ratio * max(np.median(away), 1e-6)
