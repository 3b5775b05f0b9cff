"""Pictures of instances: coloured dots and labels over a camera image."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.sensing import CameraFrame

GOLDEN_RATIO_CONJUGATE = 0.618034  # hues this far apart never come round
FONT = cv2.FONT_HERSHEY_SIMPLEX
POINT_RADIUS_PX = 1


def label_color(label: int) -> tuple[int, int, int]:
    """An RGB colour for a label; none where it is negative."""
    if label < 0:
        return (60, 60, 60)
    value = 1.0 if label % 2 else 0.8
    red, green, blue = colorsys.hsv_to_rgb((label * GOLDEN_RATIO_CONJUGATE) % 1.0, 0.85, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_points(frame: CameraFrame, points_m: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The dimmed image with a dot at each world point (M, 3) in the colour of its label (M,)."""
    image = frame.color // 2
    camera = transform_points(inverse(frame.T_world_camera), np.asarray(points_m, float))
    order = np.argsort(-camera[:, 2])  # nearest last
    height, width = frame.depth_m.shape
    pixels = camera @ frame.intrinsics.T
    for index in order[camera[order, 2] > 1e-3]:
        u, v = (pixels[index, :2] / pixels[index, 2]).round()
        if 0 <= u < width and 0 <= v < height:
            row, column = (
                slice(max(int(v) - POINT_RADIUS_PX, 0), int(v) + POINT_RADIUS_PX + 1),
                int(u),
            )
            image[row, max(column - POINT_RADIUS_PX, 0) : column + POINT_RADIUS_PX + 1] = (
                label_color(labels[index])
            )
    return image


def draw_label(image: np.ndarray, at: tuple[int, int], text: str) -> None:
    """Write white on black."""
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(image, text, at, FONT, 0.45, color, thickness, cv2.LINE_AA)
