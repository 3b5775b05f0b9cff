"""How much of an object has not been seen: where its middle is unsure.

Sides that are seen only in their upper part, because nothing looks at them from behind or because
others stand before them, may reach farther out below. An outline that ends where something nearer
begins may go on behind that.
"""

from __future__ import annotations

import numpy as np

from world_model_node.fusion.visibility import VisibilityModel

NUM_SIDES, OUTLINE_SHARE = 12, 0.15  # of its width: points so far out are of that side
MAX_POINTS = 400
TOP_PERCENT, LOWEST_PERCENT = 98, 2
HEIGHT_SIGMA_M = 0.001  # heights are no surer: of what is flat that is a large share
NUM_DIRECTIONS = 24  # across the image
OUTSIDE_OFFSETS_M = np.array([0.004, 0.008, 0.012])  # there an outline's outside is looked at


def _unit_circle(count: int) -> np.ndarray:
    angle = 2.0 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], axis=1, dtype=np.float32)


_SIDE_DIRECTIONS, _IMAGE_DIRECTIONS = _unit_circle(NUM_SIDES), _unit_circle(NUM_DIRECTIONS)


def unobserved_side_share(surface_m: np.ndarray) -> float:
    """The share of its height that is not seen of the sides of a surface (N, 3), world frame."""
    few = surface_m[:: max(1, len(surface_m) // MAX_POINTS)]
    heights = few[:, 2]
    low, top = np.percentile(heights, (LOWEST_PERCENT, TOP_PERCENT))
    out = _SIDE_DIRECTIONS @ (few[:, :2] - few[0, :2]).T  # (SIDES, N)
    farthest = out.max(axis=1, keepdims=True)
    edge = farthest - OUTLINE_SHARE * (farthest - out.min(axis=1, keepdims=True))
    lowest = np.where(out >= edge, heights, np.inf).min(axis=1)
    return float(
        np.clip((lowest - low + HEIGHT_SIGMA_M) / (top - low + HEIGHT_SIGMA_M), 0.0, 1.0).mean()
    )


def occluded_outline_share(surface_m: np.ndarray, visibility: VisibilityModel) -> float:
    """The share of the outline of a surface (N, 3), world frame, that ends behind others."""
    if visibility.camera is None:
        return 0.0
    directions = _IMAGE_DIRECTIONS @ visibility.camera.T_world_camera[:3, :2].T.astype(
        np.float32
    )  # (WAYS, 3)
    near = (surface_m - surface_m[0]).astype(np.float32)
    corners = surface_m[(directions @ near.T).argmax(axis=1)]
    outside = corners[:, None] + OUTSIDE_OFFSETS_M[:, None] * directions[:, None]  # (WAYS, 3, 3)
    nearer = visibility.depth_residuals(outside.reshape(-1, 3)) < -visibility.config.margin_m
    return float(nearer.reshape(NUM_DIRECTIONS, -1).any(axis=1).mean())
