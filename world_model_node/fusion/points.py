"""Weighted, coloured points of the world frame, and their fusion into voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.compiled import compiled

GREY = 128.0  # the colour of points without colour


@dataclass(frozen=True)
class PointSet:
    """Points with their noise and their colours."""

    points_m: np.ndarray  # (N, 3) float32 world frame
    sigma_m: np.ndarray  # (N,) float32 standard deviation of the position
    colors: np.ndarray  # (N, 3) float32 in [0, 255]; unknown colours are grey
    colored: np.ndarray  # (N,) float32 coloured share of the weight, in [0, 1]

    def __len__(self) -> int:
        return len(self.points_m)

    def __getitem__(self, keep: np.ndarray | slice) -> PointSet:
        parts = (self.points_m, self.sigma_m, self.colors, self.colored)
        if isinstance(keep, slice):
            return PointSet(*(part[keep] for part in parts))
        index = np.flatnonzero(keep) if keep.dtype == bool else keep
        return PointSet(
            *(part.take(index, axis=0) for part in parts)
        )  # three times as fast as indexing


def empty_points() -> PointSet:
    """Return a set without points."""
    rows = np.zeros((0, 3), np.float32)
    return PointSet(rows, np.zeros(0, np.float32), rows.copy(), np.zeros(0, np.float32))


def concatenate_points(sets: list[PointSet]) -> PointSet:
    """Concatenate several sets."""
    if not sets:
        return empty_points()
    return PointSet(
        np.concatenate([s.points_m for s in sets]),
        np.concatenate([s.sigma_m for s in sets]),
        np.concatenate([s.colors for s in sets]),
        np.concatenate([s.colored for s in sets]),
    )


def fuse_voxels(points: PointSet, voxel_m: float) -> PointSet:
    """Fuse the points of each voxel into their inverse-variance mean."""
    return fuse_groups(points, voxel_indices(points.points_m, voxel_m))


def voxel_indices(points: np.ndarray, voxel_m: float) -> np.ndarray:
    """Return the index of each point's voxel among the occupied ones, 0 upward. Shape (N,)."""
    return unique_inverse(voxel_keys(points, voxel_m)[0])[1]


def voxel_keys(points: np.ndarray, edge_m: float) -> tuple[np.ndarray, int, int]:
    """Return the key of the cell of each of (N, 3) points, and the key steps along x and y.

    The step along z is 1. One layer of empty cells surrounds the occupied ones.
    """
    return _voxel_keys(np.ascontiguousarray(points, dtype=np.float64), edge_m)


@compiled
def _voxel_keys(points, edge):
    n = len(points)
    cell = np.empty((n, 3), np.int64)
    low, count = np.zeros(3, np.int64), np.zeros(3, np.int64)
    for axis in range(3):
        for p in range(n):
            cell[p, axis] = int(np.floor(points[p, axis] / edge))
            if p == 0 or cell[p, axis] < low[axis]:
                low[axis] = cell[p, axis]
            if p == 0 or cell[p, axis] > count[axis]:
                count[axis] = cell[p, axis]
        low[axis] -= 1
        count[axis] -= low[axis] - 2
    keys = np.empty(n, np.int64)
    for p in range(n):
        x, y, z = cell[p, 0] - low[0], cell[p, 1] - low[1], cell[p, 2] - low[2]
        keys[p] = (x * count[1] + y) * count[2] + z
    return keys, count[1] * count[2], count[2]


def unique_inverse(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted unique keys, and the index (N,) of each key among them."""
    found, slot = _unique_inverse(keys)
    order = np.argsort(found)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return found[order], rank[slot]


@compiled
def _unique_inverse(keys):
    """Find unique keys as they occur, and the index (N,) of each, by an open hash table."""
    size = 16
    while size < 2 * len(keys):
        size *= 2
    table = np.full(size, -1, np.int64)
    found, slot = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    count = 0
    for n in range(len(keys)):
        at = ((keys[n] * 0x9E3779B97F4A7C1) >> 20) & (size - 1)
        while table[at] >= 0 and found[table[at]] != keys[n]:
            at = (at + 1) & (size - 1)
        if table[at] < 0:
            table[at], found[count] = count, keys[n]
            count += 1
        slot[n] = table[at]
    return found[:count].copy(), slot


def fuse_groups(points: PointSet, voxel: np.ndarray) -> PointSet:
    """Fuse the points of each group 0 .. M-1 in `voxel` (N,) into their inverse-variance mean."""
    if not len(points):
        return points
    m = int(voxel.max()) + 1
    parts = (points.points_m, points.sigma_m, points.colors, points.colored)
    return PointSet(*_fuse_groups(*(np.ascontiguousarray(part) for part in parts), voxel, m))


@compiled
def _fuse_groups(points, sigma, colors, colored, voxel, m):
    """Compute the arrays of a point set of `m` voxels from the arrays of points."""
    position, color_sum, weight, seen = (
        np.zeros((m, 3)),
        np.zeros((m, 3)),
        np.zeros(m),
        np.zeros(m),
    )
    for n in range(len(points)):
        v = voxel[n]
        w = 1.0 / (float(sigma[n]) * float(sigma[n]))
        weight[v] += w
        seen[v] += w * colored[n]
        for axis in range(3):
            position[v, axis] += w * points[n, axis]
            color_sum[v, axis] += w * colored[n] * colors[n, axis]
    for v in range(m):
        for axis in range(3):
            position[v, axis] /= weight[v]
            color_sum[v, axis] = color_sum[v, axis] / seen[v] if seen[v] > 0.0 else GREY
    f4 = np.float32
    share = (seen / weight).astype(f4)
    return position.astype(f4), np.sqrt(1.0 / weight).astype(f4), color_sum.astype(f4), share
