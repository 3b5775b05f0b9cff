"""The tactile pads as heat maps: force over the pad, spread between the taxels."""

from __future__ import annotations

import cv2
import numpy as np

from sakiyomi.sensing import TactileReading

PAD_HEIGHT_PX = 220  # drawn at twice the size that the page shows
PAD_WIDTH_PX = 352
CAPTION_PX = 40
GAP_PX = 16
CAPTION_COLOR = (205, 212, 222)
PANEL_COLOR = (28, 31, 38)
PAD_COLOR, TAXEL_COLOR = (58, 66, 80), (104, 118, 140)


def force_map(
    reading: TactileReading | None, full_scale_n: float, shape: tuple[int, int]
) -> np.ndarray:
    """Force magnitude over the pad as a share of the full scale, in [0, 1]. Shape `shape`."""
    if reading is None or not len(reading.points_m):
        return np.zeros(shape, np.float32)
    uv = _pad_coordinates(reading.points_m)  # (n, 2) in [0, 1]
    strength = np.linalg.norm(reading.forces_n, axis=1) / full_scale_n  # (n,)
    spread = 0.5 / max(2.0, np.sqrt(len(uv)))  # about half the distance of neighbouring taxels
    v, u = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing='ij')
    distance2 = (u[..., None] - uv[:, 0]) ** 2 + (v[..., None] - uv[:, 1]) ** 2  # (H, W, n)
    weight = np.exp(-distance2 / (2 * spread**2))
    total = (weight * strength).sum(-1) / np.maximum(weight.sum(-1), 1e-6)
    return np.clip(np.nan_to_num(total), 0.0, 1.0).astype(np.float32)


def draw_pads(
    left: TactileReading | None, right: TactileReading | None, full_scale_n: float
) -> np.ndarray:
    """Both pads side by side with their total forces. (H, W, 3) uint8 RGB."""
    gap = np.full((PAD_HEIGHT_PX + CAPTION_PX, GAP_PX, 3), PANEL_COLOR, np.uint8)
    tiles = [_tile(name, r, full_scale_n) for name, r in (('left', left), ('right', right))]
    return np.hstack([tiles[0], gap, tiles[1]])


def _tile(
    name: str, reading: TactileReading | None, full_scale_n: float, opaque_share: float = 0.15
) -> np.ndarray:
    """One pad under its caption: the taxels where nothing presses, heat where something does."""
    coarse = force_map(reading, full_scale_n, (PAD_HEIGHT_PX // 8, PAD_WIDTH_PX // 8))
    share = np.clip(cv2.resize(coarse, (PAD_WIDTH_PX, PAD_HEIGHT_PX)), 0, 1)[..., None]
    level = (255 * share).astype(np.uint8)
    heat = cv2.cvtColor(cv2.applyColorMap(level, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    opacity = np.minimum(share / opaque_share, 1.0)
    drawn = (opacity * heat + (1.0 - opacity) * _pad(reading)).round().astype(np.uint8)
    caption = np.full((CAPTION_PX, PAD_WIDTH_PX, 3), PANEL_COLOR, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    text = f'{name}  {_caption(reading)}'
    cv2.putText(caption, text, (4, 27), font, 0.8, CAPTION_COLOR, 1, cv2.LINE_AA)
    return np.vstack([caption, drawn])


def _pad(reading: TactileReading | None) -> np.ndarray:
    """The pad at rest: its surface with a dot for each taxel, or dark without data."""
    pad = np.full((PAD_HEIGHT_PX, PAD_WIDTH_PX, 3), PANEL_COLOR, np.uint8)
    if reading is None or not len(reading.points_m):
        return pad
    pad[:] = PAD_COLOR
    for u, v in _pad_coordinates(reading.points_m):
        at = round(u * PAD_WIDTH_PX), round(v * PAD_HEIGHT_PX)
        cv2.circle(pad, at, PAD_HEIGHT_PX // 44, TAXEL_COLOR, -1, cv2.LINE_AA)
    return pad


def _caption(reading: TactileReading | None, noise_n: float = 0.05) -> str:
    if reading is None:
        return 'no data'
    force_n = _total_force_n(reading)
    return f'{force_n:.2f} N' if force_n >= noise_n else 'no contact'


def _total_force_n(reading: TactileReading) -> float:
    return float(np.linalg.norm(np.nan_to_num(reading.forces_n).sum(0)))


def _pad_coordinates(points_m: np.ndarray) -> np.ndarray:
    """Taxels on the picture: the pad's y to the right, its x (to the tip) down. (n, 2)."""
    yx = points_m[:, [1, 0]]
    low = yx.min(0)
    size = np.maximum(yx.max(0) - low, 1e-4)
    return 0.08 + 0.84 * (yx - low) / size
