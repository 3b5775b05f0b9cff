"""Boxes on a table, ray-cast in closed form: pictures whose truth is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sakiyomi.geometry import make_transform
from sakiyomi.sensing import CameraFrame, LidarScan


@dataclass(frozen=True)
class Box:
    """An axis-aligned box."""

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    color: tuple[int, int, int] = (200, 60, 60)


def look_at(eye, target):
    """The optical frame (z forward, y down) at `eye` looking at `target`."""
    z = np.subtract(target, eye) / np.linalg.norm(np.subtract(target, eye))
    x = np.cross(z, [0.0, 0.0, 1.0])
    x /= np.linalg.norm(x)
    return make_transform(np.stack([x, np.cross(z, x), z], axis=1), np.array(eye))


T_CAMERA = look_at((1.0, 0.0, 0.70), (0.5, 0.0, 0.05))
T_LIDAR = look_at((0.05, -0.45, 0.50), (0.5, 0.0, 0.05))
K = np.array([[525.0, 0.0, 319.5], [0.0, 525.0, 239.5], [0.0, 0.0, 1.0]])


def cast(origin, directions, boxes, table_m=0.0):
    """Ranges (N,) along unnormalised directions and the hit box's index (-1: the table)."""
    with np.errstate(divide='ignore', invalid='ignore'):
        best = (table_m - origin[2]) / directions[:, 2]
        best = np.where(best > 0.0, best, np.inf)
        hit = np.full(len(directions), -1)
        for i, box in enumerate(boxes):
            low = (np.array(box.center) - 0.5 * np.array(box.size) - origin) / directions
            high = (np.array(box.center) + 0.5 * np.array(box.size) - origin) / directions
            near = np.minimum(low, high).max(axis=1)
            far = np.maximum(low, high).min(axis=1)
            closer = (near < far) & (near > 0.0) & (near < best)
            best, hit = np.where(closer, near, best), np.where(closer, i, hit)
    return best, hit


@lru_cache(maxsize=8)
def clean_picture(boxes, table_m, shape):
    """Depths and hit indices (H * W,) without noise; still scenes are cast once."""
    v, u = np.indices(shape)
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(shape)], axis=-1)
    directions = rays.reshape(-1, 3) @ T_CAMERA[:3, :3].T
    return cast(T_CAMERA[:3, 3], directions, boxes, table_m)


def camera(stamp_s, boxes, rng=None, table_m=0.0, shape=(480, 640)):
    """A depth and colour picture of the boxes, with 1 mm noise where an `rng` is given."""
    depth, hit = clean_picture(tuple(boxes), table_m, shape)
    if rng is not None:
        depth = depth + rng.normal(0.0, 0.001, depth.shape)
    palette = np.array([b.color for b in boxes] + [(110, 110, 110)], np.uint8)
    depth = np.where(np.isfinite(depth), depth, 0.0).astype(np.float32)
    return CameraFrame(stamp_s, palette[hit].reshape(*shape, 3), depth.reshape(shape), K, T_CAMERA)


def lidar(stamp_s, boxes, rng=None, table_m=0.0, count=5000):
    """A scan of rays in a seeded pattern that differs from stamp to stamp."""
    pattern = np.random.default_rng(int(stamp_s * 1e3))
    xy = pattern.uniform(-0.45, 0.45, (count, 2))
    rays = np.hstack([xy, np.ones((count, 1))])
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    ranges, _ = cast(T_LIDAR[:3, 3], rays @ T_LIDAR[:3, :3].T, boxes, table_m)
    if rng is not None:
        ranges = ranges + rng.normal(0.0, 0.003, ranges.shape)
    points = (rays * ranges[:, None])[np.isfinite(ranges)].astype(np.float32)
    return LidarScan(stamp_s, points, T_LIDAR)


def on_table(x, y, size, color=(200, 60, 60)):
    """A box standing on the table."""
    return Box((x, y, 0.5 * size[2]), size, color)
