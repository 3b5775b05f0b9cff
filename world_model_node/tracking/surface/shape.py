"""The observed surface of one object, in the object's own frame."""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.local_pca import local_normals
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.points import voxel_keys
from world_model_node.tracking.surface.registration import RegistrationTarget
from world_model_node.tracking.surface.shape_config import ShapeConfig


class Shape:
    """Points integrated over time and views; points that are missed often are dropped."""

    def __init__(
        self, points_m: np.ndarray, colors: np.ndarray, voxel_m: float, config: ShapeConfig
    ) -> None:
        self.voxel_m = voxel_m
        self.config = config
        self.replace(points_m, colors)

    def __len__(self) -> int:
        return len(self.points_m)

    @property
    def grid(self) -> PointGrid:
        """The grid for queries of nearest points."""
        if self._grid is None:
            self._grid = PointGrid(self.points_m, self.config.grid_box_m)
        return self._grid

    def reliable_mask(self) -> np.ndarray:
        """The mask (N,) of points seen more than once; of all points where few were."""
        mask = self.weight >= self.config.min_reliable_weight
        enough = mask.mean() > self.config.min_reliable_share
        return mask if enough else np.ones(len(self), bool)

    def registration_target(self) -> RegistrationTarget:
        """The surface with normals, for registration."""
        outgrown = self._normals_count * self.config.max_normals_growth < len(self)
        if outgrown or len(self._normals) != len(self):
            self._normals = _normals(self.points_m, self.grid, self.config.normal_neighbours)
            self._normals_count = len(self)
        return RegistrationTarget(self.points_m, self._normals, self.grid)

    def replace(self, points_m: np.ndarray, colors: np.ndarray) -> None:
        """Replace the old surface."""
        self.points_m = np.array(points_m, np.float32)
        self.colors = np.array(colors, np.uint8)
        self.weight = np.ones(len(points_m), np.float32)
        self.misses = np.zeros(len(points_m), np.int16)
        self._grid: PointGrid | None = None
        self._normals = np.zeros((0, 3))
        self._normals_count = 0

    def nearest(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance [m] to, and index of, the surface point nearest to each of (M, 3)."""
        return self.grid.nearest(points_m)

    def merge(
        self,
        points_m: np.ndarray,
        colors: np.ndarray,
        nearest: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Average known points with seen points (M, 3), add the others.

        Returns the mask (N,) of the points that were seen.
        """
        distance, index = self.nearest(points_m) if nearest is None else nearest
        known = distance < self.config.merge_distance_share * self.voxel_m
        again, fresh = np.flatnonzero(known), np.flatnonzero(~known)
        again_m = points_m[again].astype(np.float64)
        _average_points(self.points_m, self.weight, index[again], again_m, self.config.max_weight)
        fresh = fresh[_one_per_voxel(points_m[fresh], self.voxel_m)]
        near = distance < self.config.match_m
        seen = np.zeros(len(self), bool)
        seen[index[near]] = True
        self.misses[seen] = 0
        self._append(points_m[fresh], colors[fresh], index[fresh])
        self._grid = None
        return np.concatenate([seen, np.ones(len(fresh), bool)])

    def count_misses(self, missed: np.ndarray, weight: int) -> None:
        """Add to the misses of points (N,) bool that are not where they were."""
        self.misses[missed] += weight

    def prune(self) -> None:
        """Drop points with too many misses, and those of the least weight beyond the limit."""
        keep, max_points = self.misses < self.config.max_misses, self.config.max_points
        if keep.sum() > max_points:
            limit = np.partition(self.weight[keep], -max_points)[-max_points]
            keep &= self.weight >= limit
            keep[np.flatnonzero(keep)[max_points:]] = False
        if keep.all() or keep.sum() < self.config.normal_neighbours:
            return
        kept = np.flatnonzero(keep)  # indexing is several times as fast as a mask
        if len(self._normals) == len(self):
            self._normals = self._normals.take(kept, axis=0)
        self.points_m = self.points_m.take(kept, axis=0)
        self.colors = self.colors.take(kept, axis=0)
        self.weight, self.misses = self.weight[kept], self.misses[kept]
        self._grid = None

    def shift_origin(self, shift_m: np.ndarray) -> None:
        """Move the frame's origin by (3,) within the shape."""
        self.points_m = self.points_m - shift_m.astype(np.float32)
        self._grid = None

    def _append(self, points_m: np.ndarray, colors: np.ndarray, nearest: np.ndarray) -> None:
        n = len(points_m)
        if not n:
            return
        if len(self._normals) == len(self):
            self._normals = np.concatenate([self._normals, self._normals[nearest]])
        self.points_m = np.concatenate([self.points_m, points_m.astype(np.float32)])
        self.colors = np.concatenate([self.colors, colors.astype(np.uint8)])
        self.weight = np.concatenate([self.weight, np.ones(n, np.float32)])
        self.misses = np.concatenate([self.misses, np.zeros(n, np.int16)])


@compiled
def _average_points(surface, weight, index, points, max_weight):
    """Average the surface (N, 3) of weights (N,) with the points seen again; in place."""
    count, sums = np.zeros(len(surface)), np.zeros((len(surface), 3))
    for m in range(len(points)):
        count[index[m]] += 1.0
        for axis in range(3):
            sums[index[m], axis] += points[m, axis]
    for n in range(len(surface)):
        if count[n] > 0.0:
            for axis in range(3):
                mean = sums[n, axis] / count[n]
                surface[n, axis] = (surface[n, axis] * weight[n] + mean) / (weight[n] + 1.0)
            weight[n] = min(weight[n] + 1.0, max_weight)


def _one_per_voxel(points: np.ndarray, voxel_m: float) -> np.ndarray:
    """The mask (N,) of the points (N, 3) that are the first of their voxel."""
    first = np.zeros(len(points), bool)
    if len(points):
        first[np.unique(voxel_keys(points, voxel_m)[0], return_index=True)[1]] = True
    return first


def _normals(points: np.ndarray, grid: PointGrid, neighbours: int) -> np.ndarray:
    """Unit normals (N, 3) of either sign by local principal components."""
    k = min(neighbours, len(points))
    if k < 3:
        return np.tile([0.0, 0.0, 1.0], (len(points), 1))
    return local_normals(points.astype(float), grid.k_nearest(points, k)[1])
