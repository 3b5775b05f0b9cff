"""Colour that does not change with shading, and the few colours that a scene is made of."""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled

UNKNOWN_COLOR = -1
RGB_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)
WHITE_XYZ = np.array([0.9505, 1.0, 1.089])
RGB_TO_WHITE_XYZ = RGB_TO_XYZ / WHITE_XYZ[:, None]
BIN_WIDTH = 2.0
L_WEIGHT = 0.12


def to_chromaticity(colors: np.ndarray) -> np.ndarray:
    """100 a / (L + 16), 100 b / (L + 16) and a little L of CIE Lab, from RGB in [0, 255]. (N, 3).

    In light of twice the strength a, b and L + 16 all grow by the same cube root, so their ratios
    stay: one colour has one value on all faces of an object. The little L tells black from white.
    """
    return _to_chromaticity(np.ascontiguousarray(colors, dtype=np.float32), RGB_TO_WHITE_XYZ)


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
        out[n, 2] = L_WEIGHT * lightness
    return out


def color_classes(values: np.ndarray, radius: float, min_members: int) -> np.ndarray:
    """The colour each of (N, 3) chromaticities belongs to, 0 upward, or UNKNOWN_COLOR. Shape (N,).

    The densest colour takes all within the radius of its mean, then the densest of the rest.
    Mixed pixels between two colours are few and stay unknown.
    """
    bins, member = np.unique(np.round(values / BIN_WIDTH).astype(int), axis=0, return_inverse=True)
    member = member.ravel()
    close = np.linalg.norm(BIN_WIDTH * (bins[:, None] - bins[None]), axis=2) < 0.7 * radius
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
