"""A guess at the side of an object that no sensor has seen.

Two guesses compete: the mirror image in the best vertical plane through the centroid (household
objects are mostly symmetric; Bohg et al., Mind the gap, ICRA 2011), and the outline carried down
to the support. The one that contradicts seen free space less wins.
"""

from __future__ import annotations

import numpy as np

from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.visibility import VisibilityModel

NUM_PLANES = 12
GRID_BOX_M = 0.008  # of the grid that points are looked for in
FREE_SPACE_MARGIN_M = 0.008
MAX_POINTS, NUM_SAMPLES = 1500, 100
NUM_SECTORS = 48


def complete_surface(
    surface_m: np.ndarray,
    centroid_m: np.ndarray,
    floor_m: float,
    voxel_m: float,
    visibility: VisibilityModel,
) -> np.ndarray:
    """Guessed points (G, 3) float32, world frame, where nothing of the surface is known.

    Args:
        surface_m: what has been seen, (N, 3) world frame.
        centroid_m: (3,) of the volume.
        floor_m: height of the support [m].
        voxel_m: spacing of the guess [m].
        visibility: what the camera looks through now.
    """
    surface = np.asarray(surface_m, float)
    grid = PointGrid(surface, GRID_BOX_M)
    candidates = [
        mirror_completion(surface, centroid_m, grid),
        extrude_completion(surface, floor_m, voxel_m),
    ]
    best, smallest = np.zeros((0, 3)), np.inf
    for candidate in candidates:
        apart_m = 1.5 * voxel_m
        candidate = candidate[np.isinf(grid.nearest(candidate, apart_m)[0])]
        wrong = visibility.free_space_mask(candidate, FREE_SPACE_MARGIN_M) | (
            candidate[:, 2] < floor_m
        )
        share = float(wrong.mean()) if len(candidate) else 1.0
        if share < smallest:
            best, smallest = candidate[~wrong], share
    return best[:: max(1, -(-len(best) // MAX_POINTS))].astype(np.float32)


def mirror_completion(surface: np.ndarray, centroid: np.ndarray, grid: PointGrid) -> np.ndarray:
    """The mirror image in the vertical plane in which it agrees best with what is seen."""
    few = surface[:: max(1, len(surface) // NUM_SAMPLES)]
    angles = np.arange(NUM_PLANES) * np.pi / NUM_PLANES
    normals = np.stack([np.cos(angles), np.sin(angles), np.zeros(NUM_PLANES)], axis=1)
    cost = [float(np.mean(grid.nearest(_mirror(few, centroid, n))[0])) for n in normals]
    return _mirror(surface, centroid, normals[int(np.argmin(cost))])


def extrude_completion(surface: np.ndarray, floor_m: float, step_m: float) -> np.ndarray:
    """Walls from the outline, as seen from above, down to the floor."""
    xy = surface[:, :2] - 0.5 * (surface[:, :2].min(axis=0) + surface[:, :2].max(axis=0))
    sector = np.arctan2(xy[:, 1], xy[:, 0]) / (2.0 * np.pi) + 0.5
    sector = np.minimum((sector * NUM_SECTORS).astype(int), NUM_SECTORS - 1)
    order = np.lexsort((np.linalg.norm(xy, axis=1), sector))
    last = np.append(np.diff(sector[order]) > 0, True)
    outline = surface[order[last]]  # the farthest of each sector
    levels = np.maximum(np.ceil((outline[:, 2] - floor_m) / step_m - 1.0), 0.0).astype(int)
    level = np.arange(levels.sum()) - np.repeat(np.cumsum(levels) - levels, levels)
    return np.column_stack(
        [np.repeat(outline[:, :2], levels, axis=0), floor_m + step_m * (level + 1)]
    )


def _mirror(points: np.ndarray, centroid: np.ndarray, normal: np.ndarray) -> np.ndarray:
    return points - 2.0 * ((points - centroid) @ normal)[:, None] * normal
