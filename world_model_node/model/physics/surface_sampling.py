"""The points of a tracked surface that its shape is made of: few, evenly spread, none astray."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

# a point that is so much farther from its third than most is astray
NUM_NEIGHBOURS, OUTLIER_RATIO = 3, 2.0
MIN_POINTS = 24  # of which none is called astray


def farthest_point_sampling(points: np.ndarray, count: int) -> np.ndarray:
    """Indices (count,) of points each as far as can be from those before; repeated if too few."""
    chosen = np.zeros(count, int)
    gap = np.sum((points - points.mean(axis=0)) ** 2, axis=1)
    for i in range(count):
        chosen[i] = int(gap.argmax())
        away = np.sum((points - points[chosen[i]]) ** 2, axis=1)
        gap = np.minimum(gap, away) if i else away
    return chosen


def inlier_mask(points: np.ndarray) -> np.ndarray:
    """Which of evenly spread points (N, 3) have others about them. Shape (N,) bool.

    A hull reaches to the farthest of its points: a few that belong to the table or the hand, or to
    nothing, make a body too wide for the hand that can grasp it.
    """
    if len(points) < MIN_POINTS:
        return np.ones(len(points), bool)
    away = cKDTree(points).query(points, k=NUM_NEIGHBOURS + 1)[0][:, -1]
    return away <= OUTLIER_RATIO * max(np.median(away), 1e-6)
