"""Chromaticity is colour without shading; colour classes group it within a scene."""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled

UNKNOWN_COLOR = -1  # the class of points without colour
LIGHTNESS_WEIGHT = 0.12  # scale of L + 16, which separates black from white
RGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
WHITE_XYZ = np.array([0.9505, 1.0, 1.089])


def to_chromaticity(colors: np.ndarray) -> np.ndarray:
    """Convert RGB in [0, 255] to 100 a / (L + 16), 100 b / (L + 16) and L of CIE Lab. (N, 3).

    Brighter light scales a, b and L + 16 by the same cube root, so the ratios of one colour are
    the same on all faces of an object. L has a small weight.
    """
    rgb_to_white_xyz = RGB_TO_XYZ / WHITE_XYZ[:, None]
    return _to_chromaticity(np.ascontiguousarray(colors, dtype=np.float32), rgb_to_white_xyz)


@compiled
def _to_chromaticity(colors, rgb_to_white_xyz):
    out, f = np.empty((len(colors), 3)), np.empty(3)
    for n in range(len(colors)):
        f[:] = 1e-4
        for c in range(3):
            linear = (max(colors[n, c], np.float32(0.0)) / np.float32(255.0)) ** np.float32(2.2)
            for axis in range(3):
                f[axis] += rgb_to_white_xyz[axis, c] * linear
        x, y, z = np.cbrt(f[0]), np.cbrt(f[1]), np.cbrt(f[2])
        lightness = max(116.0 * y, 1.0)  # L + 16
        out[n, 0] = 100.0 * 500.0 * (x - y) / lightness
        out[n, 1] = 100.0 * 200.0 * (y - z) / lightness
        out[n, 2] = LIGHTNESS_WEIGHT * lightness
    return out


def color_classes(
    values: np.ndarray, radius: float, bin_width: float, min_members: int
) -> np.ndarray:
    """Return the colour class of each chromaticity, 0 upward, or UNKNOWN_COLOR. Shape (N,).

    The densest class takes all values within the radius of its mean, then the densest class of
    the rest does. Mixed pixels between two colours are few and stay unknown.

    Args:
        values: chromaticities (N, 3).
        radius: the radius of a class.
        bin_width: the bin width of the density histogram.
        min_members: the smallest density of a class.
    """
    bins, member = np.unique(np.round(values / bin_width).astype(int), axis=0, return_inverse=True)
    member = member.ravel()
    close = np.linalg.norm(bin_width * (bins[:, None] - bins[None]), axis=2) < 0.7 * radius
    classes = np.full(len(values), UNKNOWN_COLOR)
    for color in range(len(bins)):
        left = np.bincount(member[classes == UNKNOWN_COLOR], minlength=len(bins))
        density = close @ left
        peak = int(np.argmax(density))
        if density[peak] < min_members:
            break
        core = close[peak][member] & (classes == UNKNOWN_COLOR)
        near = np.linalg.norm(values - values[core].mean(axis=0), axis=1) < radius
        classes[(near | core) & (classes == UNKNOWN_COLOR)] = color
    return classes
