"""Find the table in points of a sensor whose pose nobody knows, and make it the world's floor.

Planes come from RANSAC (Fischler and Bolles, 1981), one after another. The largest one may be a
wall or the floor, so the choice also asks what stands on each plane and which way it faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from sakiyomi.errors import WorkFailedError
from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.config import WorkspaceConfig

MAX_POINTS = 8000
NUM_TRIALS = 400
MAX_PLANES = 4  # looked at, the largest first
MIN_SHARE = 0.08  # of all points that a plane must hold
TOLERANCE_M, TOLERANCE_PER_M = 0.005, 0.006  # how thick a plane may be, and per metre of range
STANDING_HEIGHTS_M = (0.012, 0.40)  # heights of what counts as standing on a plane
UP_IN_OPTICAL_FRAME = np.array([0.0, -1.0, 0.0])
WORKSPACE_MARGIN_M = 0.03
WORKSPACE_REACH_M = 1.5
MIN_STANDING_POINTS = 30


@dataclass(frozen=True)
class Plane:
    """The points p with normal . p + offset = 0; the normal is a unit vector."""

    normal: np.ndarray  # (3,)
    offset_m: float

    def height_of(self, points: np.ndarray) -> np.ndarray:
        """Signed distances [m] of (N, 3) points. (N,)."""
        return points @ self.normal + self.offset_m

    def flipped(self) -> Plane:
        """The same plane facing the other way."""
        return Plane(-self.normal, -self.offset_m)


def align_to_support(points: np.ndarray, optical: bool, seed: int = 0) -> np.ndarray:
    """T_world_sensor (4, 4) that makes the support plane z = 0, x away from the sensor.

    Args:
        points: (N, 3) [m] in the sensor's frame.
        optical: the sensor is a camera, z forward and y roughly down. Else nothing is known of the
            frame, and the side on which more things stand is up.
        seed: of the random trials.

    Raises:
        WorkFailedError: there is no plane to speak of.
    """
    points = _finite_subsample(points)
    rng = np.random.default_rng(seed)
    best, best_score = None, 0.0
    for plane in detect_planes(points, rng):
        for side in (plane,) if optical else (plane, plane.flipped()):
            score = support_score(side, points, optical)
            if score > best_score:
                best, best_score = side, score
    if best is None:
        raise WorkFailedError(
            f'support plane: none holds {100 * MIN_SHARE:.0f} % of the {len(points)} points'
        )
    return frame_on(best, points)


def detect_planes(points: np.ndarray, rng: np.random.Generator) -> list[Plane]:
    """The largest planes in (N, 3) points, each facing the sensor at the origin."""
    remaining, found = points, []
    while len(found) < MAX_PLANES and len(remaining) >= max(MIN_SHARE * len(points), 50):
        plane = _refine_plane(_ransac_plane(remaining, rng), remaining)
        distance, near = np.abs(plane.height_of(remaining)), tolerance(remaining)
        if (distance < near).sum() < MIN_SHARE * len(points):
            break
        found.append(plane if plane.offset_m > 0.0 else plane.flipped())
        remaining = remaining[distance > 1.5 * near]
    return found


def support_score(plane: Plane, points: np.ndarray, optical: bool) -> float:
    """How much a plane looks like a table: its size, what stands on it, which way it faces."""
    heights = plane.height_of(points)
    on_it = np.abs(heights) < tolerance(points)
    standing = int(stands_on(plane, points).sum())
    score = on_it.mean() * (0.1 + min(standing / max(on_it.sum(), 1), 1.0))
    if not optical:
        return float(score)
    up = float(plane.normal @ UP_IN_OPTICAL_FRAME)
    return float(score * (1.0 if up > 0.1 else 0.5 if up > -0.1 else 0.15))


def stands_on(plane: Plane, points: np.ndarray) -> np.ndarray:
    """Which of (N, 3) points are a little above the plane, within its outline. (N,)."""
    heights = plane.height_of(points)
    low = np.maximum(STANDING_HEIGHTS_M[0], 2.0 * tolerance(points))
    above = (heights > low) & (heights < STANDING_HEIGHTS_M[1])
    flat = points @ _axes_on(plane).T  # (N, 2)
    try:
        outline = ConvexHull(flat[np.abs(heights) < tolerance(points)]).equations  # (F, 3)
    except (QhullError, ValueError):
        return np.zeros(len(points), bool)
    inside = flat[above] @ outline[:, :2].T + outline[:, 2] <= 0.0  # (K, F)
    above[above] = inside.all(axis=1)
    return above


def frame_on(plane: Plane, points: np.ndarray) -> np.ndarray:
    """T_world_sensor of a world that lies on the plane under what stands there."""
    standing = stands_on(plane, points)
    if standing.sum() < MIN_STANDING_POINTS:
        standing = np.abs(plane.height_of(points)) < tolerance(points)
    center = np.median(points[standing], axis=0)
    origin = center - plane.height_of(center[None])[0] * plane.normal
    x = center - (center @ plane.normal) * plane.normal  # away from the sensor, level
    if np.linalg.norm(x) < 0.05:
        x = _axes_on(plane)[0]
    x = x / np.linalg.norm(x)
    R_sensor_world = np.stack([x, np.cross(plane.normal, x), plane.normal], axis=1)
    return inverse(make_transform(R_sensor_world, origin))


def workspace_around(points: np.ndarray, T_world_sensor: np.ndarray) -> WorkspaceConfig:
    """The box that holds what stands on the plane z = 0, from (N, 3) points of the sensor.

    Raises:
        WorkFailedError: nothing stands there.
    """
    world = transform_points(T_world_sensor, _finite_subsample(points))
    near = np.abs(world[:, :2]).max(axis=1) < WORKSPACE_REACH_M
    world = world[near]
    standing = world[stands_on(Plane(np.array([0.0, 0.0, 1.0]), 0.0), world)]
    if len(standing) < MIN_STANDING_POINTS:
        raise WorkFailedError(f'support plane: only {len(standing)} points stand on it')
    low, high = np.percentile(standing, [0.5, 99.5], axis=0)
    low, high = low - WORKSPACE_MARGIN_M, high + WORKSPACE_MARGIN_M
    return WorkspaceConfig(
        x_min_m=float(low[0]),
        x_max_m=float(high[0]),
        y_min_m=float(low[1]),
        y_max_m=float(high[1]),
        z_max_m=float(max(high[2], 0.05)),
    )


def tolerance(points: np.ndarray) -> np.ndarray:
    """How far from a plane a point of it may be measured. (N,)."""
    return TOLERANCE_M + TOLERANCE_PER_M * np.linalg.norm(points, axis=1)


def _finite_subsample(points: np.ndarray) -> np.ndarray:
    points = points[np.isfinite(points).all(axis=1)].astype(float)
    return points[:: max(1, len(points) // MAX_POINTS)]


def _ransac_plane(points: np.ndarray, rng: np.random.Generator) -> Plane:
    """The plane through three of the points that holds most of them."""
    few = points[:: max(1, len(points) // 2000)]
    a, b, c = few[rng.integers(len(few), size=(3, NUM_TRIALS))]
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    offsets = -(normals * a).sum(axis=1)
    distance = np.abs(few @ normals.T + offsets)  # (N, TRIALS)
    best = int((distance < tolerance(few)[:, None]).sum(axis=0).argmax())
    return Plane(normals[best], float(offsets[best]))


def _refine_plane(plane: Plane, points: np.ndarray) -> Plane:
    """Least squares on the plane's points, three times over."""
    for _ in range(3):
        near = points[np.abs(plane.height_of(points)) < tolerance(points)]
        if len(near) < 10:
            break
        center = near.mean(axis=0)
        normal = np.linalg.svd((near - center).T @ (near - center))[0][:, 2]
        normal = normal if normal @ plane.normal > 0.0 else -normal
        plane = Plane(normal, float(-normal @ center))
    return plane


def _axes_on(plane: Plane) -> np.ndarray:
    """Two unit vectors that span the plane. Shape (2, 3)."""
    helper = np.eye(3)[np.abs(plane.normal).argmin()]
    x = np.cross(plane.normal, helper)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(plane.normal, x)])
