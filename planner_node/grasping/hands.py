"""Hand frames worth closing: along surface normals, and straight from above."""

from __future__ import annotations

import numpy as np

from planner_node.config import GraspConfig
from planner_node.grasping.surface import Surface

LEVEL = 0.3  # a surface that leaves the approach less than this of "down" has no side to close on


def candidate_hands(
    surface: Surface, config: GraspConfig, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (C, 3, 3) with columns x, y, z and the points (C, 3) that they are anchored at."""
    rng = np.random.default_rng([config.seed, seed])
    own = np.flatnonzero(surface.is_own)
    picks = rng.choice(own, config.surface_anchors)
    side, side_anchors = along_normals(surface.points[picks], surface.normals[picks], config)
    picks = rng.choice(own, config.top_anchors)
    top, top_anchors = from_above(surface.points[picks], config.yaws)
    return np.concatenate([side, top]), np.concatenate([side_anchors, top_anchors])


def along_normals(
    anchors: np.ndarray, normals: np.ndarray, config: GraspConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Closing axis along the normal, approaches fanned around it, none from below."""
    y = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    down = np.array([0.0, 0.0, -1.0])
    z0 = down - (y @ down)[:, None] * y  # the approach closest to straight down
    length = np.linalg.norm(z0, axis=1)
    keep = length > LEVEL
    y, z0, anchors = y[keep], z0[keep] / length[keep, None], anchors[keep]
    x0 = np.cross(y, z0)
    rotations, where = [], []
    for angle in np.linspace(-1, 1, config.fan) * config.max_tilt_rad:
        z = np.cos(angle) * z0 + np.sin(angle) * x0
        good = -z[:, 2] >= np.cos(config.max_tilt_rad)
        rotations.append(np.stack([np.cross(y, z), y, z], axis=-1)[good])
        where.append(anchors[good])
    return np.concatenate(rotations), np.concatenate(where)


def from_above(anchors: np.ndarray, yaws: int) -> tuple[np.ndarray, np.ndarray]:
    """Straight down at even yaw angles over half a turn: the hand is symmetric."""
    yaw = np.arange(yaws) * np.pi / yaws
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    y = np.stack([-np.sin(yaw), np.cos(yaw), zero], axis=-1)
    z = np.stack([zero, zero, -one], axis=-1)
    frames = np.stack([np.cross(y, z), y, z], axis=-1)  # (Y, 3, 3)
    return np.tile(frames, (len(anchors), 1, 1)), np.repeat(anchors, len(yaw), axis=0)
