"""Shares of an object's surface that have not been observed, where its centroid is uncertain.

A side that is seen only in its upper part, because no sensor is behind it or another object is
before it, may reach farther out below. An outline that ends at a nearer object may go on behind.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.surface.shape_config import ShapeUncertaintyConfig


def unobserved_side_share(surface_m: np.ndarray, config: ShapeUncertaintyConfig) -> float:
    """The unobserved share of the height of a surface's sides (N, 3), world frame."""
    few = surface_m[:: max(1, len(surface_m) // config.max_points)]
    heights = few[:, 2]
    low, top = np.percentile(heights, (config.lowest_percent, config.top_percent))
    out = _unit_circle(config.num_sides) @ (few[:, :2] - few[0, :2]).T  # (sides, N)
    farthest = out.max(axis=1, keepdims=True)
    edge = farthest - config.outline_share * (farthest - out.min(axis=1, keepdims=True))
    lowest = np.where(out >= edge, heights, np.inf).min(axis=1)
    sigma = config.height_sigma_m
    return float(np.clip((lowest - low + sigma) / (top - low + sigma), 0.0, 1.0).mean())


def occluded_outline_share(
    surface_m: np.ndarray, visibility: VisibilityModel, config: ShapeUncertaintyConfig
) -> float:
    """The share of a surface's outline (N, 3), world frame, that ends at a nearer object."""
    if visibility.camera is None:
        return 0.0
    image_axes = visibility.camera.T_world_camera[:3, :2].T.astype(np.float32)
    directions = _unit_circle(config.num_image_directions) @ image_axes  # (directions, 3)
    near = (surface_m - surface_m[0]).astype(np.float32)
    corners = surface_m[(directions @ near.T).argmax(axis=1)]
    offsets = np.array(config.outside_offsets_m)[:, None] * directions[:, None]
    outside = corners[:, None] + offsets  # (directions, offsets, 3)
    nearer = visibility.depth_residuals(outside.reshape(-1, 3)) < -visibility.config.margin_m
    return float(nearer.reshape(len(directions), -1).any(axis=1).mean())


@cache
def _unit_circle(count: int) -> np.ndarray:
    """Unit vectors (count, 2) float32 at even angles."""
    angle = 2.0 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1, dtype=np.float32)
