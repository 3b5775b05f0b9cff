"""A guess at the side of an object that no sensor has seen.

Two guesses compete: the mirror image in the best vertical plane through the middle (household
objects are mostly symmetric; Bohg et al., Mind the gap, ICRA 2011), and the outline carried down
to the support. The one that contradicts seen free space less wins.
"""

from __future__ import annotations

import numpy as np

from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.visibility import Sight

PLANES = 12
BOX_M = 0.008  # of the grid that points are looked for in
SEE_THROUGH_M = 0.008
MAX_POINTS, SAMPLES = 1500, 100
OUTLINE_SECTORS = 48


def complete(
    surface_m: np.ndarray, middle_m: np.ndarray, floor_m: float, voxel_m: float, sight: Sight
) -> np.ndarray:
    """Guessed points (G, 3) float32, world frame, where nothing of the surface is known.

    Args:
        surface_m: what has been seen, (N, 3) world frame.
        middle_m: (3,) of the volume.
        floor_m: height of the support [m].
        voxel_m: spacing of the guess [m].
        sight: what the camera looks through now.
    """
    surface = np.asarray(surface_m, float)
    grid = PointGrid(surface, BOX_M)
    guesses = [mirrored(surface, middle_m, grid), extruded(surface, floor_m, voxel_m)]
    best, least = np.zeros((0, 3)), np.inf
    for guess in guesses:
        apart_m = 1.5 * voxel_m
        guess = guess[np.isinf(grid.nearest(guess, apart_m)[0])]
        wrong = sight.through(guess, SEE_THROUGH_M) | (guess[:, 2] < floor_m)
        share = float(wrong.mean()) if len(guess) else 1.0
        if share < least:
            best, least = guess[~wrong], share
    return best[:: max(1, -(-len(best) // MAX_POINTS))].astype(np.float32)


def mirrored(surface: np.ndarray, middle: np.ndarray, grid: PointGrid) -> np.ndarray:
    """The mirror image in the vertical plane in which it agrees best with what is seen."""
    few = surface[:: max(1, len(surface) // SAMPLES)]
    angles = np.arange(PLANES) * np.pi / PLANES
    normals = np.stack([np.cos(angles), np.sin(angles), np.zeros(PLANES)], axis=1)
    cost = [float(np.mean(grid.nearest(_mirror(few, middle, n))[0])) for n in normals]
    return _mirror(surface, middle, normals[int(np.argmin(cost))])


def extruded(surface: np.ndarray, floor_m: float, step_m: float) -> np.ndarray:
    """Walls from the outline, as seen from above, down to the floor."""
    xy = surface[:, :2] - 0.5 * (surface[:, :2].min(axis=0) + surface[:, :2].max(axis=0))
    sector = np.arctan2(xy[:, 1], xy[:, 0]) / (2.0 * np.pi) + 0.5
    sector = np.minimum((sector * OUTLINE_SECTORS).astype(int), OUTLINE_SECTORS - 1)
    order = np.lexsort((np.linalg.norm(xy, axis=1), sector))
    last = np.append(np.diff(sector[order]) > 0, True)
    outline = surface[order[last]]  # the farthest of each sector
    levels = np.maximum(np.ceil((outline[:, 2] - floor_m) / step_m - 1.0), 0.0).astype(int)
    level = np.arange(levels.sum()) - np.repeat(np.cumsum(levels) - levels, levels)
    return np.column_stack(
        [np.repeat(outline[:, :2], levels, axis=0), floor_m + step_m * (level + 1)]
    )


def _mirror(points: np.ndarray, middle: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return points - 2.0 * ((points - middle) @ normal)[:, None] * normal
