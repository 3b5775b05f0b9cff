"""The surface of one object as it has been seen so far, in the object's own frame."""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.local_pca import local_normals
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.points import voxel_keys
from world_model_node.tracking.registration import RegistrationTarget

MERGE_DISTANCE_SHARE = 0.8  # of a voxel: a nearer point is the same piece of surface
MATCH_M = 0.006
GRID_BOX_M = 0.006  # of the grid that points are looked for in
MAX_WEIGHT = 20.0
MAX_MISSES = 10
MAX_POINTS = 4000
NORMAL_NEIGHBOURS = 9
MAX_NORMALS_GROWTH = 1.3  # normals are found anew when the surface has grown by this
MIN_RELIABLE_WEIGHT = 2.0  # what was seen only once may be noise, or laid down at a wrong pose
MIN_RELIABLE_SHARE = 0.5  # of the surface: where less was seen again, all of it counts


class Shape:
    """Points that add up over time and views; what is seen to be elsewhere leaves again."""

    def __init__(self, points_m: np.ndarray, colors: np.ndarray, voxel_m: float) -> None:
        self.voxel_m = voxel_m
        self.replace(points_m, colors)

    def __len__(self) -> int:
        return len(self.points_m)

    @property
    def grid(self) -> PointGrid:
        """For queries of nearest points."""
        if self._grid is None:
            self._grid = PointGrid(self.points_m, GRID_BOX_M)
        return self._grid

    def reliable_mask(self) -> np.ndarray:
        """Which points (N,) bool were seen more than once; all of them where few were."""
        mask = self.weight >= MIN_RELIABLE_WEIGHT
        return mask if mask.mean() > MIN_RELIABLE_SHARE else np.ones(len(self), bool)

    def registration_target(self) -> RegistrationTarget:
        """Points with normals, for registration."""
        if self._normals_count * MAX_NORMALS_GROWTH < len(self) or len(self._normals) != len(self):
            self._normals = _normals(self.points_m, self.grid)
            self._normals_count = len(self)
        return RegistrationTarget(self.points_m, self._normals, self.grid)

    def replace(self, points_m: np.ndarray, colors: np.ndarray) -> None:
        """Forget the old surface."""
        self.points_m = np.array(points_m, np.float32)
        self.colors = np.array(colors, np.uint8)
        self.weight = np.ones(len(points_m), np.float32)
        self.misses = np.zeros(len(points_m), np.int16)
        self._grid: PointGrid | None = None
        self._normals = np.zeros((0, 3))
        self._normals_count = 0

    def nearest(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance [m] to, and index of, the point of the surface next to each of (M, 3)."""
        return self.grid.nearest(points_m)

    def merge(
        self,
        points_m: np.ndarray,
        colors: np.ndarray,
        nearest: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Average what is known with (M, 3) points seen of it, add the rest; who was seen (N,)."""
        distance, index = self.nearest(points_m) if nearest is None else nearest
        known = distance < MERGE_DISTANCE_SHARE * self.voxel_m
        again, fresh = np.flatnonzero(known), np.flatnonzero(~known)
        _average_points(
            self.points_m, self.weight, index[again], points_m[again].astype(np.float64)
        )
        fresh = fresh[_one_per_voxel(points_m[fresh], self.voxel_m)]
        near = distance < MATCH_M
        seen = np.zeros(len(self), bool)
        seen[index[near]] = True
        self.misses[seen] = 0
        self._append(points_m[fresh], colors[fresh], index[fresh])
        self._grid = None
        return np.concatenate([seen, np.ones(len(fresh), bool)])

    def count_misses(self, missed: np.ndarray, weight: int) -> None:
        """Count that points (N,) bool were looked for in vain."""
        self.misses[missed] += weight

    def prune(self) -> None:
        """Forget the points that are not there any more, and the least sure beyond the limit."""
        keep = self.misses < MAX_MISSES
        if keep.sum() > MAX_POINTS:
            limit = np.partition(self.weight[keep], -MAX_POINTS)[-MAX_POINTS]
            keep &= self.weight >= limit
            keep[np.flatnonzero(keep)[MAX_POINTS:]] = False
        if keep.all() or keep.sum() < NORMAL_NEIGHBOURS:
            return
        kept = np.flatnonzero(keep)  # taking by index is several times as fast as by a mask
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
def _average_points(surface, weight, index, points):
    """Move surface (N, 3) of weights (N,) to the means of what was seen of it; in place."""
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
            weight[n] = min(weight[n] + 1.0, MAX_WEIGHT)


def _one_per_voxel(points: np.ndarray, voxel_m: float) -> np.ndarray:
    """Which of (N, 3) points are the first of their voxel. Shape (N,)."""
    first = np.zeros(len(points), bool)
    if len(points):
        first[np.unique(voxel_keys(points, voxel_m)[0], return_index=True)[1]] = True
    return first


def _normals(points: np.ndarray, grid: PointGrid) -> np.ndarray:
    """Unit normals (N, 3) of either sign by local principal components."""
    k = min(NORMAL_NEIGHBOURS, len(points))
    if k < 3:
        return np.tile([0.0, 0.0, 1.0], (len(points), 1))
    return local_normals(points.astype(float), grid.k_nearest(points, k)[1])
