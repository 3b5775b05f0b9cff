"""The shape of the hand: two fingers and the palm, each a convex polyhedron."""

from __future__ import annotations

import numpy as np

from sakiyomi.robot.hand_geometry import TrainedHandShape

# displacement of each part per half opening: both fingers, the palm
OPENING_SIGNS = (1.0, -1.0, 0.0)
NUM_FACES = 5  # faces of each part that can be in contact


def hand_points(hand: TrainedHandShape) -> np.ndarray:
    """Points (PARTS, Q, 3) of the closed hand in the grasp frame."""
    parts = []
    for side in OPENING_SIGNS[:2]:
        rows = [
            [k * x, side * t, z]
            for z, x, y in hand.finger_sections_m
            for k in (-1.0, 0.0, 1.0)
            for t in (0.0, y)
        ]
        parts.append(rows)
    palm = [
        [k * x, t * y, z]
        for z, x, y in hand.palm_sections_m
        for k in (-1.0, 1.0)
        for t in (-1.0, 0.0, 1.0)
    ]
    return np.array([*parts, palm])


def hand_faces(hand: TrainedHandShape) -> np.ndarray:
    """Outward normals and offsets of the faces (PARTS, NUM_FACES, 4)."""
    points = hand_points(hand)
    finger, palm_sections = hand.finger_sections_m, hand.palm_sections_m
    lean = (finger[2][2] - finger[0][2]) / (finger[0][0] - finger[2][0])
    flare = (palm_sections[2][1] - palm_sections[0][1]) / (
        palm_sections[0][0] - palm_sections[2][0]
    )
    wider = (finger[2][1] - finger[0][1]) / (finger[0][0] - finger[2][0])
    sideways, tip = [[1.0, 0.0, wider], [-1.0, 0.0, wider]], [[0.0, 0.0, 1.0]]
    fingers = [
        [*sideways, *tip, [0.0, -side, 0.0], [0.0, side, lean]] for side in OPENING_SIGNS[:2]
    ]
    palm = [[1.0, 0.0, flare], [-1.0, 0.0, flare], *tip, [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]]
    normals = np.array([*fingers, palm])
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    offsets = np.einsum('pfi,pqi->pfq', normals, points).max(axis=2)
    return np.concatenate([normals, offsets[..., None]], axis=2)
