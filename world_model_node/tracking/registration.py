"""Where a known surface is now: point-to-plane ICP with a prior, and how sure the answer is.

Chen and Medioni, Object modelling by registration of multiple range images, 1992, with the
Geman-McClure weights of Zhou, Park and Koltun, Fast global registration, 2016, so that a side that
comes into view for the first time does not pull. The covariance is the inverse of the
least-squares Hessian, so that a sphere's rotation stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sakiyomi.compiled import compiled
from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.fusion.point_grid import PointGrid

POINT_SIGMA_M = 0.002
NUM_CORRELATED_POINTS = 8.0  # so many neighbouring points err alike
# weight of the distance across the normal: edges hold a face in place
POINT_TO_POINT_WEIGHT = 0.05
# distances that count half: at the end, and to begin with
MIN_KERNEL_M, MAX_KERNEL_M = 0.003, 0.010
KERNEL_DECAY = 0.6  # per step
INLIER_M = 0.004
MIN_INLIER_SHARE, GOOD_INLIER_SHARE = 0.55, 0.7  # shares of inliers
NUM_COARSE_SAMPLES, NUM_FINE_SAMPLES = 50, 150  # samples of the seen points
CONVERGED_M, CONVERGED_RAD = 2e-4, 2e-3  # smaller steps end the search


@dataclass(frozen=True)
class RegistrationTarget:
    """A known surface."""

    points_m: np.ndarray  # (N, 3) object frame
    normals: np.ndarray  # (N, 3) of either sign
    grid: PointGrid


@dataclass(frozen=True)
class Registration:
    """The result of a registration."""

    T_world_object: np.ndarray  # (4, 4)
    covariance: np.ndarray  # (6, 6) position then rotation, world frame
    inlier_share: float  # share of the seen points that lie on the surface
    residual_m: float  # median distance to it


def register(
    shape: RegistrationTarget,
    seen_m: np.ndarray,
    T_start: np.ndarray,
    iterations: int,
    sigma_m: float,
    sigma_rad: float,
    samples: int = 150,
) -> Registration:
    """Lay the surface on (M, 3) world points.

    Args:
        shape: what is known of the object.
        seen_m: points of its surface as seen now, world frame.
        T_start: the predicted pose (4, 4).
        iterations: Gauss-Newton steps at most.
        sigma_m: how far the prediction may be off [m].
        sigma_rad: and turned [rad].
        samples: of the seen points, at most.
    """
    seen = seen_m[:: max(1, -(-len(seen_m) // samples))].astype(float)
    prior = np.diag([sigma_m**-2.0] * 3 + [sigma_rad**-2.0] * 3)
    T, H, kernel_m = T_start.copy(), prior, MAX_KERNEL_M
    for _ in range(iterations):
        H, gradient = _normal_equations(shape, (seen - T[:3, 3]) @ T[:3, :3], kernel_m)
        H = H + prior
        step = -np.linalg.solve(H, gradient + prior @ twist_between(T_start, T))
        T = T @ _se3_exp(step)
        if np.linalg.norm(step[:3]) < CONVERGED_M and np.linalg.norm(step[3:]) < CONVERGED_RAD:
            break
        kernel_m = max(MIN_KERNEL_M, KERNEL_DECAY * kernel_m)
    distance, _ = shape.grid.nearest((seen - T[:3, 3]) @ T[:3, :3])
    R = np.zeros((6, 6))  # both halves of a twist to the world frame
    R[:3, :3] = R[3:, 3:] = T[:3, :3]
    covariance = R @ np.linalg.inv(H) @ R.T
    inlier_share = float(np.mean(distance < INLIER_M))
    residual_m = float(np.partition(distance, len(distance) // 2)[len(distance) // 2])
    return Registration(T, covariance, inlier_share, residual_m)


def register_from_guesses(
    shape: RegistrationTarget,
    seen_m: np.ndarray,
    guesses: Sequence[np.ndarray],
    sigma_m: float,
    sigma_rad: float,
    iterations: tuple[int, int],
) -> Registration:
    """Lay the surface on (M, 3) world points from the best of several guesses (4, 4).

    Args:
        shape: see `register`.
        seen_m: see `register`.
        guesses: the guesses.
        sigma_m: see `register`.
        sigma_rad: see `register`.
        iterations: to try each guess, and to go on from the best.
    """
    tried, refined = iterations
    fits = [
        register(shape, seen_m, T, tried, sigma_m, sigma_rad, NUM_COARSE_SAMPLES) for T in guesses
    ]
    start = max(fits, key=lambda fit: (fit.inlier_share, -fit.residual_m)).T_world_object
    return register(shape, seen_m, start, refined, sigma_m, sigma_rad, NUM_FINE_SAMPLES)


def twist_between(T_from: np.ndarray, T_to: np.ndarray) -> np.ndarray:
    """The motion (translation, rotation vector) from one pose to another, in the latter's axes."""
    T = inverse(T_from) @ T_to
    return np.concatenate([T[:3, :3].T @ T[:3, 3], rotation_vector(T[:3, :3])])


def rotation_vector(R: np.ndarray) -> np.ndarray:
    """Axis times angle (3,) [rad] of a rotation (3, 3) of less than pi."""
    axis = 0.5 * np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = math.sqrt(axis @ axis), 0.5 * (R[0, 0] + R[1, 1] + R[2, 2] - 1.0)
    return axis if sine < 1e-9 else axis * (math.atan2(sine, cosine) / sine)


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) by a rotation vector (3,) [rad]; Rodrigues' formula."""
    angle = math.sqrt(vector @ vector)
    if angle < 1e-12:
        return np.eye(3)
    K = skew(vector / angle)
    return np.eye(3) + math.sin(angle) * K + (1.0 - math.cos(angle)) * (K @ K)


def rms_displacement(T_from: np.ndarray, T_to: np.ndarray, points_m: np.ndarray) -> float:
    """How far (M, 3) world points of a body move from one of its poses to another, r.m.s. [m]."""
    shift = transform_points(T_to @ inverse(T_from), points_m) - points_m
    return math.sqrt(np.mean(np.sum(shift**2, axis=1)))


def _normal_equations(
    shape: RegistrationTarget, local: np.ndarray, kernel_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Hessian (6, 6) and gradient (6,) of a small motion (translation, rotation) of the object."""
    distance, index = shape.grid.nearest(local)
    points, normals = shape.points_m[index].astype(float), shape.normals[index]
    return _accumulate_normal_equations(points, normals, points - local, distance, kernel_m)


@compiled
def _accumulate_normal_equations(points, normals, gaps, distance, kernel):
    """Hessian and gradient of pairs that are `gaps` (K, 3) too far apart.

    Two kinds of residuals: along the normal, and, with a weight of SLIDING, in all directions.
    """
    H, g, J = np.zeros((6, 6)), np.zeros(6), np.zeros((4, 6))
    r = np.empty(4)
    for k in range(len(points)):
        w = 1.0 / (1.0 + (distance[k] / kernel) ** 2) ** 2  # Geman and McClure's
        x, y, z = points[k, 0], points[k, 1], points[k, 2]
        u, v, n = normals[k, 0], normals[k, 1], normals[k, 2]
        J[0, 0], J[0, 1], J[0, 2] = u, v, n
        J[0, 3], J[0, 4], J[0, 5] = y * n - z * v, z * u - x * n, x * v - y * u
        J[1, 0], J[1, 4], J[1, 5] = 1.0, z, -y
        J[2, 1], J[2, 3], J[2, 5] = 1.0, -z, x
        J[3, 2], J[3, 3], J[3, 4] = 1.0, y, -x
        r[1:] = gaps[k]
        r[0] = u * r[1] + v * r[2] + n * r[3]
        for row in range(4):
            weight = w if row == 0 else POINT_TO_POINT_WEIGHT * w
            for i in range(6):
                g[i] += weight * J[row, i] * r[row]
                for j in range(i + 1):
                    H[i, j] += weight * J[row, i] * J[row, j]
    for i in range(6):
        for j in range(i):
            H[j, i] = H[i, j]
    scale = 1.0 / (NUM_CORRELATED_POINTS * POINT_SIGMA_M**2)
    return scale * H, scale * g


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross products of (K, 3) and (K, 3); numpy's own takes far longer for few."""
    out = np.empty_like(b)
    out[:, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    out[:, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    out[:, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return out


def skew(v: np.ndarray) -> np.ndarray:
    """The (3, 3) matrix of the cross product with (3,)."""
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def _se3_exp(step: np.ndarray) -> np.ndarray:
    return make_transform(rotation_from_vector(step[3:]), step[:3])
