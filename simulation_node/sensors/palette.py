"""Colours of objects, table and robot in the camera image."""

from __future__ import annotations

import colorsys
import zlib

import numpy as np

from simulation_node.objects.meshes import Shape
from simulation_node.sensors.raycast import NO_HIT_RGB

ROBOT_RGB = (0.93, 0.93, 0.92)


def palette(names: tuple[str, ...], shapes: dict[str, Shape]) -> np.ndarray:
    """One RGB row per name and a last one for no hit. Shape (n + 1, 3) float32 in [0, 1]."""
    rows = [_color(name, shapes[name].rgb) for name in names]
    return np.array([*rows, NO_HIT_RGB], np.float32)


def _color(name: str, rgb: tuple[float, float, float] | None) -> tuple[float, float, float]:
    """The file's colour; a colour of its own for each object that has none or plain white."""
    if rgb is not None and min(rgb) < 0.99:
        return rgb
    if not name.startswith('object '):
        return rgb or ROBOT_RGB
    hue = zlib.crc32(name.encode()) / 2**32
    return colorsys.hsv_to_rgb(hue, 0.65, 0.85)
