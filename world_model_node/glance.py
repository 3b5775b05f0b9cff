"""What one range sensor saw at its own instant, and where a surface lies in it.

Camera and LiDAR look up to half a frame apart, and what slides at 1 m/s is then in two places: one
cloud of both shows it smeared. Each by itself says where it was when.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sakiyomi.geometry import make_transform
from world_model_node.registration import CORRELATED, INLIER_M, ShapeView, register

SIGMA_M = {'camera': 0.002, 'lidar': 0.005}  # of a point
FLOOR_M = 0.0025  # of a place, by the errors of the remembered surface
LOOSE_M = 0.02  # along directions in which no surface seen holds it
AROUND_M = 0.015
LEAST_POINTS = 8
COARSE, FINE = 50, 150  # samples
PRIOR_M, PRIOR_RAD = 0.02, 0.03
FITS = 0.55  # share of inliers


class Glance(NamedTuple):
    """Points above the table that are not the robot's, where they were seen."""

    stream: str  # 'camera' or 'lidar'
    age_s: float  # at the stamp of the look that it belongs to
    points_m: np.ndarray  # (N, 3) float32 world frame


def place_in(
    glance: Glance, view: ShapeView, R_world_object: np.ndarray, starts_m: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Where a surface is in a glance (3,) [m], and the covariance (3, 3); None where it is not.

    Args:
        glance: what was seen.
        view: the surface, in the object's frame.
        R_world_object: how it is turned (3, 3).
        starts_m: places (3,) to look for it at.
    """
    surface = view.points_m @ R_world_object.T
    low = np.min(starts_m, axis=0) + surface.min(axis=0) - AROUND_M
    high = np.max(starts_m, axis=0) + surface.max(axis=0) + AROUND_M
    own = glance.points_m[((glance.points_m > low) & (glance.points_m < high)).all(axis=1)]
    if len(own) < LEAST_POINTS:
        return None
    fits = [
        register(view, own, make_transform(R_world_object, m), 3, PRIOR_M, PRIOR_RAD, COARSE)
        for m in starts_m
    ]
    start = max(fits, key=lambda fit: (fit.inliers, -fit.residual_m)).T_world_object
    fit = register(view, own, start, 5, PRIOR_M, PRIOR_RAD, FINE)
    if fit.inliers < FITS:
        return None
    T = fit.T_world_object
    return T[:3, 3], _covariance(view, (own - T[:3, 3]) @ T[:3, :3], T, SIGMA_M[glance.stream])


def _covariance(view: ShapeView, local: np.ndarray, T: np.ndarray, sigma_m: float) -> np.ndarray:
    """By the surfaces that are seen: each holds it along its normal only. Shape (3, 3)."""
    distance, index = view.grid.nearest(local)
    normals = view.normals[index[distance < INLIER_M]] @ T[:3, :3].T
    each = min(1.0, FINE / max(len(normals), 1)) / (CORRELATED * sigma_m**2)
    information = each * normals.T @ normals + np.eye(3) / LOOSE_M**2
    return np.linalg.inv(information) + FLOOR_M**2 * np.eye(3)
