"""Where a known surface is now: point-to-plane ICP with a prior, and how sure the answer is.

Chen and Medioni, Object modelling by registration of multiple range images, 1992; the covariance
is the inverse of the least-squares Hessian, so that a sphere's rotation stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import inverse, make_transform, transform_points

MAX_SAMPLES = 150
POINT_SIGMA_M = 0.002
CORRELATED = 8.0  # so many neighbouring points err alike
SLIDING = 0.05  # weight of the distance across the normal: edges hold a face in place
TRIM_FACTOR, TRIM_FLOOR_M, TRIM_CEILING_M = 2.5, 0.004, 0.015
INLIER_M = 0.004


@dataclass(frozen=True)
class ShapeView:
    """A known surface."""

    points_m: np.ndarray  # (N, 3) object frame
    normals: np.ndarray  # (N, 3) of either sign
    tree: cKDTree


@dataclass(frozen=True)
class Fit:
    """The result of a registration."""

    T_world_object: np.ndarray  # (4, 4)
    covariance: np.ndarray  # (6, 6) position then rotation, world frame
    inliers: float  # share of the seen points that lie on the surface
    residual_m: float  # median distance to it


def register(
    shape: ShapeView,
    seen_m: np.ndarray,
    T_start: np.ndarray,
    iterations: int,
    sigma_m: float,
    sigma_rad: float,
    trim: bool = True,
) -> Fit:
    """Lay the surface on (M, 3) world points.

    Args:
        shape: what is known of the object.
        seen_m: points of its surface as seen now, world frame.
        T_start: the predicted pose (4, 4).
        iterations: Gauss-Newton steps.
        sigma_m: how far the prediction may be off [m].
        sigma_rad: and turned [rad].
        trim: leave out what is unusually far; a motion that begins shows only without.
    """
    seen = seen_m[:: max(1, len(seen_m) // MAX_SAMPLES)].astype(float)
    prior = np.diag([sigma_m**-2.0] * 3 + [sigma_rad**-2.0] * 3)
    T, start, H = T_start.copy(), T_start, prior
    for _ in range(iterations):
        local = transform_points(inverse(T), seen)
        H, gradient = _normal_equations(shape, local, trim)
        so_far = _twist_between(start, T)
        H = H + prior
        step = -np.linalg.solve(H, gradient + prior @ so_far)
        T = T @ _exp(step)
        if np.linalg.norm(step[:3]) < 2e-4 and np.linalg.norm(step[3:]) < 2e-3:
            break
    distance, _ = shape.tree.query(transform_points(inverse(T), seen))
    R = np.kron(np.eye(2), T[:3, :3])  # both halves of a twist to the world frame
    covariance = R @ np.linalg.inv(H) @ R.T
    inliers = float(np.mean(distance < INLIER_M))
    return Fit(T, covariance, inliers, float(np.median(distance)))


def _normal_equations(
    shape: ShapeView, local: np.ndarray, trim: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Hessian (6, 6) and gradient (6,) of a small motion (translation, rotation) of the object."""
    distance, index = shape.tree.query(local)
    limit = TRIM_FACTOR * float(np.median(distance)) if trim else TRIM_CEILING_M
    near = distance <= np.clip(limit, TRIM_FLOOR_M, TRIM_CEILING_M)
    p, q, n = local[near], shape.points_m[index[near]].astype(float), shape.normals[index[near]]
    gap = q - p  # the object moves by this much too far
    lever = np.cross(q, n)
    J = np.hstack([n, lever])  # (K, 6)
    r = np.einsum('kj,kj->k', n, gap)
    H, g = J.T @ J, J.T @ r
    for axis in range(3):
        e = np.zeros(3)
        e[axis] = 1.0
        J = np.hstack([np.tile(e, (len(q), 1)), np.cross(q, e)])
        H += SLIDING * J.T @ J
        g += SLIDING * J.T @ gap[:, axis]
    scale = 1.0 / (CORRELATED * POINT_SIGMA_M**2)
    return scale * H, scale * g


def _exp(step: np.ndarray) -> np.ndarray:
    return make_transform(Rotation.from_rotvec(step[3:]).as_matrix(), step[:3])


def _twist_between(T_from: np.ndarray, T_to: np.ndarray) -> np.ndarray:
    """The motion (translation, rotation vector) from one pose to another, in the latter's axes."""
    T = inverse(T_from) @ T_to
    turn = Rotation.from_matrix(T[:3, :3]).as_rotvec()
    return np.concatenate([T[:3, :3].T @ T[:3, 3], turn])
