"""Point-to-plane ICP of a known surface, with a prior and a covariance.

Chen and Medioni, Object modelling by registration of multiple range images, 1992, with the
Geman-McClure weights of Zhou, Park and Koltun, Fast global registration, 2016, so that a side that
is seen for the first time does not pull. The covariance is the inverse of the least-squares
Hessian, so that a sphere's rotation stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sakiyomi.compiled import compiled
from sakiyomi.geometry import (
    inverse,
    make_transform,
    rotation_from_vector,
    rotation_vector,
    transform_points,
)
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.tracking.surface.shape_config import RegistrationConfig


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


@dataclass(frozen=True)
class PosePrior:
    """Standard deviations of a predicted pose."""

    sigma_m: float
    sigma_rad: float

    @property
    def information(self) -> np.ndarray:
        """The inverse covariance (6, 6) of translation then rotation."""
        return np.diag([self.sigma_m**-2.0] * 3 + [self.sigma_rad**-2.0] * 3)


def register(
    target: RegistrationTarget,
    seen_m: np.ndarray,
    T_start: np.ndarray,
    iterations: int,
    prior: PosePrior,
    config: RegistrationConfig,
    num_samples: int,
) -> Registration:
    """Register the surface with seen points.

    Args:
        target: the known surface.
        seen_m: seen points (M, 3) of the surface, world frame.
        T_start: the predicted pose (4, 4).
        iterations: Gauss-Newton steps at most.
        prior: the uncertainty of the prediction.
        config: the tuning of registration.
        num_samples: seen points that are used, at most.
    """
    seen = seen_m[:: max(1, -(-len(seen_m) // num_samples))].astype(float)
    information = prior.information
    T, H, kernel_m = T_start.copy(), information, config.max_kernel_m
    for _ in range(iterations):
        H, gradient = _normal_equations(target, (seen - T[:3, 3]) @ T[:3, :3], kernel_m, config)
        H = H + information
        step = -np.linalg.solve(H, gradient + information @ twist_between(T_start, T))
        T = T @ _se3_exp(step)
        if (
            np.linalg.norm(step[:3]) < config.converged_m
            and np.linalg.norm(step[3:]) < config.converged_rad
        ):
            break
        kernel_m = max(config.min_kernel_m, config.kernel_decay * kernel_m)
    distance, _ = target.grid.nearest((seen - T[:3, 3]) @ T[:3, :3])
    return _result(T, H, distance, config.inlier_m)


def _result(T: np.ndarray, H: np.ndarray, distance: np.ndarray, inlier_m: float) -> Registration:
    R = np.zeros((6, 6))  # both halves of a twist to the world frame
    R[:3, :3] = R[3:, 3:] = T[:3, :3]
    covariance = R @ np.linalg.inv(H) @ R.T
    inlier_share = float(np.mean(distance < inlier_m))
    residual_m = float(np.partition(distance, len(distance) // 2)[len(distance) // 2])
    return Registration(T, covariance, inlier_share, residual_m)


def register_from_guesses(
    target: RegistrationTarget,
    seen_m: np.ndarray,
    guesses: Sequence[np.ndarray],
    iterations: tuple[int, int],
    prior: PosePrior,
    config: RegistrationConfig,
) -> Registration:
    """Register the surface with seen points (M, 3) from the best of several guesses (4, 4).

    Args:
        target: see `register`.
        seen_m: see `register`.
        guesses: the guesses.
        iterations: Gauss-Newton steps from each guess, and from the best.
        prior: see `register`.
        config: see `register`.
    """
    tried, refined = iterations
    fits = [
        register(target, seen_m, T, tried, prior, config, config.num_coarse_samples)
        for T in guesses
    ]
    start = max(fits, key=lambda fit: (fit.inlier_share, -fit.residual_m)).T_world_object
    return register(target, seen_m, start, refined, prior, config, config.num_fine_samples)


def twist_between(T_from: np.ndarray, T_to: np.ndarray) -> np.ndarray:
    """The motion (translation, rotation vector) from one pose to another, in the latter's axes."""
    T = inverse(T_from) @ T_to
    return np.concatenate([T[:3, :3].T @ T[:3, 3], rotation_vector(T[:3, :3])])


def rms_displacement(T_from: np.ndarray, T_to: np.ndarray, points_m: np.ndarray) -> float:
    """The r.m.s. displacement [m] of world points (M, 3) of a body between two of its poses."""
    shift = transform_points(T_to @ inverse(T_from), points_m) - points_m
    return math.sqrt(np.mean(np.sum(shift**2, axis=1)))


def _normal_equations(
    target: RegistrationTarget, local: np.ndarray, kernel_m: float, config: RegistrationConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Hessian (6, 6) and gradient (6,) of a small motion (translation, rotation) of the object."""
    distance, index = target.grid.nearest(local)
    points, normals = target.points_m[index].astype(float), target.normals[index]
    H, gradient = _accumulate_normal_equations(
        points, normals, points - local, distance, kernel_m, config.point_to_point_weight
    )
    scale = 1.0 / (config.num_correlated_points * config.point_sigma_m**2)
    return scale * H, scale * gradient


@compiled
def _accumulate_normal_equations(points, normals, gaps, distance, kernel, point_to_point_weight):
    """Hessian and gradient of pairs that are `gaps` (K, 3) too far apart.

    Each pair has one residual along the normal, and three along the axes of less weight.
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
            weight = w if row == 0 else point_to_point_weight * w
            for i in range(6):
                g[i] += weight * J[row, i] * r[row]
                for j in range(i + 1):
                    H[i, j] += weight * J[row, i] * J[row, j]
    for i in range(6):
        for j in range(i):
            H[j, i] = H[i, j]
    return H, g


def _se3_exp(step: np.ndarray) -> np.ndarray:
    return make_transform(rotation_from_vector(step[3:]), step[:3])
