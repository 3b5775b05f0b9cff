"""Hand frames worth closing: along surface normals, and straight from above."""

from __future__ import annotations

import numpy as np

from planner_node.config import GraspConfig
from planner_node.grasping.local_cloud import LocalCloud


def sample_hand_poses(
    cloud: LocalCloud, config: GraspConfig, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (C, 3, 3) with columns x, y, z and the points (C, 3) that they are anchored at."""
    rng = np.random.default_rng([config.seed, seed])
    own = np.flatnonzero(cloud.is_target)
    picks = rng.choice(own, config.num_side_samples)
    side, side_anchors = poses_along_normals(cloud.points[picks], cloud.normals[picks], config)
    picks = rng.choice(own, config.num_top_samples)
    top, top_anchors = poses_from_above(cloud.points[picks], config.num_yaws)
    return np.concatenate([side, top]), np.concatenate([side_anchors, top_anchors])


def poses_along_normals(
    anchors: np.ndarray, normals: np.ndarray, config: GraspConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Closing axis along the normal, approaches fanned around it, none from below."""
    y = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    down = np.array([0.0, 0.0, -1.0])
    z0 = down - (y @ down)[:, None] * y  # the approach closest to straight down
    length = np.linalg.norm(z0, axis=1)
    keep = length > config.min_side_approach
    y, z0, anchors = y[keep], z0[keep] / length[keep, None], anchors[keep]
    x0 = np.cross(y, z0)
    rotations, where = [], []
    for angle in np.linspace(-1, 1, config.num_approaches) * config.max_tilt_rad:
        z = np.cos(angle) * z0 + np.sin(angle) * x0
        good = -z[:, 2] >= np.cos(config.max_tilt_rad)
        rotations.append(np.stack([np.cross(y, z), y, z], axis=-1)[good])
        where.append(anchors[good])
    return np.concatenate(rotations), np.concatenate(where)


def poses_from_above(anchors: np.ndarray, num_yaws: int) -> tuple[np.ndarray, np.ndarray]:
    """Straight down at even yaw angles over half a turn: the hand is symmetric."""
    yaw = np.arange(num_yaws) * np.pi / num_yaws
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)
    y = np.stack([-np.sin(yaw), np.cos(yaw), zero], axis=-1)
    z = np.stack([zero, zero, -one], axis=-1)
    frames = np.stack([np.cross(y, z), y, z], axis=-1)  # (Y, 3, 3)
    return np.tile(frames, (len(anchors), 1, 1)), np.repeat(anchors, len(yaw), axis=0)
