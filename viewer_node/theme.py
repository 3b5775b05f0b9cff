"""Colours of the page, RGB in [0, 255], so that its parts match."""

from __future__ import annotations

import colorsys

import numpy as np

Rgb = tuple[int, int, int]

ACCENT: Rgb = (94, 176, 239)
GOOD: Rgb = (92, 200, 130)
FAIR: Rgb = (240, 180, 70)
BAD: Rgb = (235, 95, 90)
MUTED: Rgb = (130, 140, 155)
BACKGROUND_TOP: Rgb = (38, 44, 56)
BACKGROUND_BOTTOM: Rgb = (16, 18, 24)
LOW_COLOR: Rgb = (104, 134, 168)
HIGH_COLOR: Rgb = (236, 232, 214)
HIGH_M = 0.20  # height above the table from which points are drawn in HIGH_COLOR
LINK_COLORS: dict[str, Rgb] = {'table': (58, 64, 76), 'bin': (60, 96, 148)}
GOLDEN_RATIO = 0.618034


def color_of_id(object_id: int) -> Rgb:
    """A colour that an object keeps while it is tracked; neighbouring ids differ strongly."""
    hue = (0.08 + object_id * GOLDEN_RATIO) % 1.0
    r, g, b = colorsys.hls_to_rgb(hue, 0.62, 0.75)
    return round(255 * r), round(255 * g), round(255 * b)


def color_of_probability(probability: float) -> Rgb:
    """Red at 0, amber at 0.5, green at 1."""
    p = float(np.clip(probability, 0.0, 1.0))
    low, high, share = (BAD, FAIR, 2 * p) if p < 0.5 else (FAIR, GOOD, 2 * p - 1)
    r, g, b = (round((1 - share) * x + share * y) for x, y in zip(low, high, strict=True))
    return r, g, b


def height_colors(height_m: np.ndarray) -> np.ndarray:
    """Cool near the table, warm above it: (N,) to (N, 3) uint8."""
    share = np.clip(height_m / HIGH_M, 0.0, 1.0)[:, None]
    colors = (1 - share) * np.array(LOW_COLOR) + share * np.array(HIGH_COLOR)
    return colors.round().astype(np.uint8)


def css(color: Rgb) -> str:
    """The colour as HTML writes it."""
    return f'rgb({color[0]},{color[1]},{color[2]})'


def backdrop(height: int = 256) -> np.ndarray:
    """A vertical gradient (height, 4, 3) uint8."""
    share = np.linspace(0.0, 1.0, height)[:, None, None]
    rows = (1 - share) * np.array(BACKGROUND_TOP) + share * np.array(BACKGROUND_BOTTOM)
    return np.repeat(rows, 4, axis=1).round().astype(np.uint8)
