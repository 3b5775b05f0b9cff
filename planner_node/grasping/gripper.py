"""The boxes of a parallel gripper in its grasp frame: z approaches, y closes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.robot.hand_geometry import HandGeometry


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in the grasp frame [m]."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]


class ParallelGripper:
    """The boxes that a two-finger hand takes up.

    Args:
        hand: its dimensions.
    """

    def __init__(self, hand: HandGeometry) -> None:
        self.hand = hand

    def finger_boxes(self, opening_m: float, margin_m: float = 0.0) -> list[Box]:
        """Both fingers and their knuckles at an opening, grown by a margin on the outside."""
        h = self.hand
        inner, x = opening_m / 2, h.finger_half_width_m + margin_m
        spans = [
            (inner, inner + h.finger_thickness_m + margin_m, h.knuckle_z_m, h.tip_z_m),
            (inner, inner + h.knuckle_thickness_m + margin_m, h.palm_z_m, h.knuckle_z_m),
        ]
        boxes = []
        for y_in, y_out, z_low, z_high in spans:
            boxes.append(Box((-x, y_in, z_low), (x, y_out, z_high + margin_m)))
            boxes.append(Box((-x, -y_out, z_low), (x, -y_in, z_high + margin_m)))
        return boxes

    def palm_box(self, margin_m: float = 0.0) -> Box:
        """The palm and what is behind it."""
        h = self.hand
        x, y = h.palm_half_width_m + margin_m, h.palm_half_span_m + margin_m
        return Box((-x, -y, h.palm_z_m - h.palm_depth_m), (x, y, h.palm_z_m + margin_m))

    def tip_corners(self, opening_m: np.ndarray) -> np.ndarray:
        """The lowest corners of the open fingers. Opening (C,) → corners (C, 4, 3)."""
        y = opening_m / 2 + self.hand.finger_thickness_m
        x = np.full_like(y, self.hand.finger_half_width_m)
        z = np.full_like(y, self.hand.tip_z_m)
        corners = [np.stack([sx * x, sy * y, z], axis=-1) for sx in (-1, 1) for sy in (-1, 1)]
        return np.stack(corners, axis=1)
