"""The shape of the hand: two fingers and the palm, each a convex polyhedron."""

from __future__ import annotations

import numpy as np

# sections of a finger: height along the approach axis, half width, thickness
FINGER_SECTIONS_M = ((0.007, 0.0075, 0.0145), (-0.014, 0.0100, 0.0210), (-0.038, 0.0105, 0.0260))
# sections of the palm: height along the approach axis, half depth, half width
PALM_SECTIONS_M = ((-0.039, 0.015, 0.093), (-0.070, 0.024, 0.100), (-0.100, 0.031, 0.100))
OPENING_SIGNS = (
    1.0,
    -1.0,
    0.0,
)  # displacement of each part per half opening: both fingers, the palm
NUM_FACES = 5  # faces of each part that can be in contact


def hand_points() -> np.ndarray:
    """Points (PARTS, Q, 3) of the closed hand in the grasp frame."""
    parts = []
    for side in OPENING_SIGNS[:2]:
        rows = [
            [k * x, side * t, z]
            for z, x, y in FINGER_SECTIONS_M
            for k in (-1.0, 0.0, 1.0)
            for t in (0.0, y)
        ]
        parts.append(rows)
    palm = [
        [k * x, t * y, z]
        for z, x, y in PALM_SECTIONS_M
        for k in (-1.0, 1.0)
        for t in (-1.0, 0.0, 1.0)
    ]
    return np.array([*parts, palm])


def hand_faces() -> np.ndarray:
    """Outward normals and offsets of the faces (PARTS, NUM_FACES, 4)."""
    points = hand_points()
    lean = (FINGER_SECTIONS_M[2][2] - FINGER_SECTIONS_M[0][2]) / (
        FINGER_SECTIONS_M[0][0] - FINGER_SECTIONS_M[2][0]
    )
    flare = (PALM_SECTIONS_M[2][1] - PALM_SECTIONS_M[0][1]) / (
        PALM_SECTIONS_M[0][0] - PALM_SECTIONS_M[2][0]
    )
    wider = (FINGER_SECTIONS_M[2][1] - FINGER_SECTIONS_M[0][1]) / (
        FINGER_SECTIONS_M[0][0] - FINGER_SECTIONS_M[2][0]
    )
    sideways, tip = [[1.0, 0.0, wider], [-1.0, 0.0, wider]], [[0.0, 0.0, 1.0]]
    fingers = [
        [*sideways, *tip, [0.0, -side, 0.0], [0.0, side, lean]] for side in OPENING_SIGNS[:2]
    ]
    palm = [[1.0, 0.0, flare], [-1.0, 0.0, flare], *tip, [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]
    normals = np.array([*fingers, palm])
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    offsets = np.einsum('pfi,pqi->pfq', normals, points).max(axis=2)
    return np.concatenate([normals, offsets[..., None]], axis=2)
