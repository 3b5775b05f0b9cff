"""The shape of a parallel gripper in its grasp frame.

z approaches, y closes, x runs along the pads' width; the origin lies between the pads where an
object is meant to be held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the grasp frame [m]."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]


@dataclass(frozen=True)
class ParallelGripper:
    """Dimensions [m] of a two-finger gripper; the defaults are those of the Franka Hand."""

    max_opening_m: float = 0.08
    pad_half_width_m: float = 0.0095  # along x
    pad_low_z_m: float = -0.0125  # the flat part of the fingertip
    tip_z_m: float = 0.0073
    finger_half_width_m: float = 0.0105
    finger_thickness_m: float = 0.0145  # along y, at the tip
    knuckle_thickness_m: float = 0.0265  # along y, where the finger meets the palm
    knuckle_z_m: float = -0.026
    palm_z_m: float = -0.039
    palm_half_width_m: float = 0.033  # along x
    palm_half_span_m: float = 0.105  # along y
    palm_depth_m: float = 0.09

    def finger_boxes(self, opening_m: float, margin_m: float = 0.0) -> list[Box]:
        """Both fingers and their knuckles at an opening, grown by a margin on the outside."""
        inner, x = opening_m / 2, self.finger_half_width_m + margin_m
        spans = [
            (inner, inner + self.finger_thickness_m + margin_m, self.knuckle_z_m, self.tip_z_m),
            (inner, inner + self.knuckle_thickness_m + margin_m, self.palm_z_m, self.knuckle_z_m),
        ]
        boxes = []
        for y_in, y_out, z_low, z_high in spans:
            boxes.append(Box((-x, y_in, z_low), (x, y_out, z_high + margin_m)))
            boxes.append(Box((-x, -y_out, z_low), (x, -y_in, z_high + margin_m)))
        return boxes

    def palm_box(self, margin_m: float = 0.0) -> Box:
        """The palm and what is behind it."""
        x, y = self.palm_half_width_m + margin_m, self.palm_half_span_m + margin_m
        return Box((-x, -y, self.palm_z_m - self.palm_depth_m), (x, y, self.palm_z_m + margin_m))

    def tip_corners(self, opening_m: np.ndarray) -> np.ndarray:
        """The lowest corners of the open fingers. Opening (C,) → corners (C, 4, 3)."""
        y = opening_m / 2 + self.finger_thickness_m
        x = np.full_like(y, self.finger_half_width_m)
        z = np.full_like(y, self.tip_z_m)
        corners = [np.stack([sx * x, sy * y, z], axis=-1) for sx in (-1, 1) for sy in (-1, 1)]
        return np.stack(corners, axis=1)
