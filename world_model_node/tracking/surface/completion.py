"""Completion of the side of an object that no sensor has seen.

Two candidates compete: the mirror image in the best vertical plane through the centroid (household
objects are mostly symmetric; Bohg et al., Mind the gap, ICRA 2011), and the outline extruded down
to the support. The candidate with the smaller share of points in seen free space wins.
"""

from __future__ import annotations

import numpy as np

from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.surface.shape_config import CompletionConfig


def complete_surface(
    surface_m: np.ndarray,
    centroid_m: np.ndarray,
    floor_m: float,
    spacing_m: float,
    visibility: VisibilityModel,
    config: CompletionConfig,
) -> np.ndarray:
    """Completed points (G, 3) float32, world frame, away from the known surface.

    Args:
        surface_m: the seen surface (N, 3), world frame.
        centroid_m: the centroid (3,) of the volume.
        floor_m: height of the support [m].
        spacing_m: spacing of the completed points [m].
        visibility: the present view.
        config: the tuning of the completion.
    """
    surface = np.asarray(surface_m, float)
    grid = PointGrid(surface, config.grid_box_m)
    candidates = [
        mirror_completion(surface, centroid_m, grid, config),
        extrude_completion(surface, floor_m, spacing_m, config.num_sectors),
    ]
    best, smallest = np.zeros((0, 3)), np.inf
    for candidate in candidates:
        apart_m = config.spacing_voxels * spacing_m
        candidate = candidate[np.isinf(grid.nearest(candidate, apart_m)[0])]
        wrong = visibility.free_space_mask(candidate, config.free_space_margin_m) | (
            candidate[:, 2] < floor_m
        )
        share = float(wrong.mean()) if len(candidate) else 1.0
        if share < smallest:
            best, smallest = candidate[~wrong], share
    return best[:: max(1, -(-len(best) // config.max_points))].astype(np.float32)


def mirror_completion(
    surface: np.ndarray, centroid: np.ndarray, grid: PointGrid, config: CompletionConfig
) -> np.ndarray:
    """The mirror image in the vertical plane with the least distance to the seen surface."""
    few = surface[:: max(1, len(surface) // config.num_samples)]
    angles = np.arange(config.num_planes) * np.pi / config.num_planes
    normals = np.stack([np.cos(angles), np.sin(angles), np.zeros(config.num_planes)], axis=1)
    cost = [float(np.mean(grid.nearest(_mirror(few, centroid, n))[0])) for n in normals]
    return _mirror(surface, centroid, normals[int(np.argmin(cost))])


def extrude_completion(
    surface: np.ndarray, floor_m: float, step_m: float, num_sectors: int
) -> np.ndarray:
    """Walls from the outline, as seen from above, down to the floor."""
    xy = surface[:, :2] - 0.5 * (surface[:, :2].min(axis=0) + surface[:, :2].max(axis=0))
    sector = np.arctan2(xy[:, 1], xy[:, 0]) / (2.0 * np.pi) + 0.5
    sector = np.minimum((sector * num_sectors).astype(int), num_sectors - 1)
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
