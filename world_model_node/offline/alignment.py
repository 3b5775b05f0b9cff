"""The support plane aligns the world frame with a sensor of unknown pose.

RANSAC (Fischler and Bolles, 1981) finds one plane after another. The largest plane may be a wall
or the floor, so that the choice also depends on the points above a plane and on its direction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from sakiyomi.errors import WorkFailedError
from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.config import WorkspaceConfig

UP_IN_OPTICAL_FRAME = np.array([0.0, -1.0, 0.0])


@dataclass(frozen=True)
class AlignmentConfig:
    """The detection of the support plane and of the points above the plane."""

    max_points: int = 8000  # most points of a subsample
    num_trials: int = 400  # trials of RANSAC
    max_planes: int = 4  # most planes that are compared
    min_share: float = 0.08  # smallest share of all points on a plane
    tolerance_m: float = 0.005  # largest distance of a point from its plane
    tolerance_per_m: float = 0.006  # increase of that distance per metre of range
    standing_heights_m: tuple[float, float] = (0.012, 0.40)  # heights of objects above a plane
    min_standing_points: int = 30  # fewest points of objects
    workspace_margin_m: float = 0.03  # margin of the workspace around the objects
    workspace_reach_m: float = 1.5  # largest coordinate of an object on the plane


@dataclass(frozen=True)
class Plane:
    """The points p with normal . p + offset = 0; the normal is a unit vector."""

    normal: np.ndarray  # (3,)
    offset_m: float

    def height_of(self, points: np.ndarray) -> np.ndarray:
        """Compute the signed distances [m] of (N, 3) points. Shape (N,)."""
        return points @ self.normal + self.offset_m

    def flipped(self) -> Plane:
        """Return the plane with the opposite normal."""
        return Plane(-self.normal, -self.offset_m)


def align_to_support(
    points: np.ndarray, optical: bool, config: AlignmentConfig, seed: int = 0
) -> np.ndarray:
    """Compute T_world_sensor (4, 4) with the support plane at z = 0 and x away from the sensor.

    Args:
        points: the points (N, 3) [m] in the sensor's frame.
        optical: whether the frame is a camera's, with z forward and y roughly down. Otherwise the
            upper side of the plane is the one with more objects.
        config: the thresholds of planes and objects.
        seed: the seed of the random trials.

    Raises:
        WorkFailedError: no plane is large enough.
    """
    points = _finite_subsample(points, config.max_points)
    rng = np.random.default_rng(seed)
    best, best_score = None, 0.0
    for plane in detect_planes(points, rng, config):
        for side in (plane,) if optical else (plane, plane.flipped()):
            score = support_score(side, points, optical, config)
            if score > best_score:
                best, best_score = side, score
    if best is None:
        raise WorkFailedError(
            f'support plane: none holds {100 * config.min_share:.0f} % of the {len(points)} points'
        )
    return frame_on(best, points, config)


def detect_planes(
    points: np.ndarray, rng: np.random.Generator, config: AlignmentConfig
) -> list[Plane]:
    """Find the largest planes in (N, 3) points, which face the sensor at the origin."""
    remaining, found = points, []
    min_points = config.min_share * len(points)
    while len(found) < config.max_planes and len(remaining) >= max(min_points, 50):
        plane = _refine_plane(_ransac_plane(remaining, rng, config), remaining, config)
        distance, near = np.abs(plane.height_of(remaining)), tolerance(remaining, config)
        if (distance < near).sum() < min_points:
            break
        found.append(plane if plane.offset_m > 0.0 else plane.flipped())
        remaining = remaining[distance > 1.5 * near]
    return found


def support_score(
    plane: Plane, points: np.ndarray, optical: bool, config: AlignmentConfig
) -> float:
    """Score a plane as the table by its size, the objects on it and its direction."""
    heights = plane.height_of(points)
    inliers = np.abs(heights) < tolerance(points, config)
    standing = int(stands_on(plane, points, config).sum())
    score = inliers.mean() * (0.1 + min(standing / max(inliers.sum(), 1), 1.0))
    if not optical:
        return float(score)
    up = float(plane.normal @ UP_IN_OPTICAL_FRAME)
    return float(score * (1.0 if up > 0.1 else 0.5 if up > -0.1 else 0.15))


def stands_on(plane: Plane, points: np.ndarray, config: AlignmentConfig) -> np.ndarray:
    """Return the mask (N,) of (N, 3) points above the plane and within its outline."""
    heights, near = plane.height_of(points), tolerance(points, config)
    lowest, highest = config.standing_heights_m
    above = (heights > np.maximum(lowest, 2.0 * near)) & (heights < highest)
    flat = points @ _axes_on(plane).T  # (N, 2)
    try:
        outline = ConvexHull(flat[np.abs(heights) < near]).equations  # (F, 3)
    except (QhullError, ValueError):
        return np.zeros(len(points), bool)
    inside = flat[above] @ outline[:, :2].T + outline[:, 2] <= 0.0  # (K, F)
    above[above] = inside.all(axis=1)
    return above


def frame_on(plane: Plane, points: np.ndarray, config: AlignmentConfig) -> np.ndarray:
    """Compute T_world_sensor (4, 4) of a world frame on the plane below the objects."""
    standing = stands_on(plane, points, config)
    if standing.sum() < config.min_standing_points:
        standing = np.abs(plane.height_of(points)) < tolerance(points, config)
    center = np.median(points[standing], axis=0)
    origin = center - plane.height_of(center[None])[0] * plane.normal
    x = center - (center @ plane.normal) * plane.normal  # along the plane and away from the sensor
    if np.linalg.norm(x) < 0.05:
        x = _axes_on(plane)[0]
    x = x / np.linalg.norm(x)
    R_sensor_world = np.stack([x, np.cross(plane.normal, x), plane.normal], axis=1)
    return inverse(make_transform(R_sensor_world, origin))


def workspace_around(
    points: np.ndarray, T_world_sensor: np.ndarray, config: AlignmentConfig
) -> WorkspaceConfig:
    """Compute the box around the objects on the plane z = 0, from (N, 3) points of the sensor.

    Raises:
        WorkFailedError: no object stands on the plane.
    """
    world = transform_points(T_world_sensor, _finite_subsample(points, config.max_points))
    near = np.abs(world[:, :2]).max(axis=1) < config.workspace_reach_m
    world = world[near]
    standing = world[stands_on(Plane(np.array([0.0, 0.0, 1.0]), 0.0), world, config)]
    if len(standing) < config.min_standing_points:
        raise WorkFailedError(f'support plane: only {len(standing)} points stand on it')
    low, high = np.percentile(standing, [0.5, 99.5], axis=0)
    low, high = low - config.workspace_margin_m, high + config.workspace_margin_m
    return WorkspaceConfig(
        x_min_m=float(low[0]),
        x_max_m=float(high[0]),
        y_min_m=float(low[1]),
        y_max_m=float(high[1]),
        z_max_m=float(max(high[2], 0.05)),
    )


def tolerance(points: np.ndarray, config: AlignmentConfig) -> np.ndarray:
    """Compute the largest distance [m] of each point (N, 3) from its plane. Shape (N,)."""
    return config.tolerance_m + config.tolerance_per_m * np.linalg.norm(points, axis=1)


def _finite_subsample(points: np.ndarray, max_points: int) -> np.ndarray:
    points = points[np.isfinite(points).all(axis=1)].astype(float)
    return points[:: max(1, len(points) // max_points)]


def _ransac_plane(points: np.ndarray, rng: np.random.Generator, config: AlignmentConfig) -> Plane:
    """Find the plane through three of the points with the most inliers."""
    few = points[:: max(1, len(points) // 2000)]
    a, b, c = few[rng.integers(len(few), size=(3, config.num_trials))]
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    offsets = -(normals * a).sum(axis=1)
    distance = np.abs(few @ normals.T + offsets)  # (N, TRIALS)
    best = int((distance < tolerance(few, config)[:, None]).sum(axis=0).argmax())
    return Plane(normals[best], float(offsets[best]))


def _refine_plane(plane: Plane, points: np.ndarray, config: AlignmentConfig) -> Plane:
    """Fit the plane to its inliers by least squares, three times."""
    for _ in range(3):
        near = points[np.abs(plane.height_of(points)) < tolerance(points, config)]
        if len(near) < 10:
            break
        center = near.mean(axis=0)
        normal = np.linalg.svd((near - center).T @ (near - center))[0][:, 2]
        normal = normal if normal @ plane.normal > 0.0 else -normal
        plane = Plane(normal, float(-normal @ center))
    return plane


def _axes_on(plane: Plane) -> np.ndarray:
    """Return two unit vectors that span the plane. Shape (2, 3)."""
    helper = np.eye(3)[np.abs(plane.normal).argmin()]
    x = np.cross(plane.normal, helper)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(plane.normal, x)])
