"""A regular grid of boxes finds nearest points.

Surfaces sampled at an even spacing fill the grid evenly, so that its queries take a third of the
time of a k-d tree.
"""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled

MAX_BOXES = 1 << 21  # bound of the memory of a grid
MAX_RINGS = 3  # rings of boxes around a query that are searched before all points are


class PointGrid:
    """The nearest neighbours among (N, 3) points; points that are not finite have none.

    Args:
        points_m: the points (N, 3).
        edge_m: the edge of a box, which is enlarged if there would be too many boxes.
    """

    def __init__(self, points_m: np.ndarray, edge_m: float) -> None:
        points = np.ascontiguousarray(points_m, dtype=np.float64)
        low, span = _bounding_box(points)
        while np.prod(np.floor(span / edge_m) + 1.0) > MAX_BOXES:
            edge_m *= 1.5
        shape = np.floor(span / edge_m).astype(np.int64) + 1
        ordered, self._index, first = _sort_into_boxes(points, low, shape, edge_m)
        self._grid = ordered, first, low, shape, edge_m

    def __len__(self) -> int:
        return len(self._index)

    def nearest(
        self, points_m: np.ndarray, limit_m: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return distance [m] and index of the nearest point; infinite and 0 if there is none.

        Args:
            points_m: the queries (M, 3).
            limit_m: the bound below which distances must be.
        """
        gaps, index = self.k_nearest(points_m, 1, limit_m)
        return gaps[:, 0], index[:, 0]

    def k_nearest(
        self, points_m: np.ndarray, k: int, limit_m: float = np.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the same for the k nearest points, nearest first. Shapes (M, k), (M, k)."""
        points = np.ascontiguousarray(points_m, dtype=np.float64)
        return _search_k_nearest(*self._grid, self._index, points, k, limit_m * limit_m)


@compiled
def _bounding_box(points):
    """Compute the lowest corner (3,) and the size (3,) of the box around the finite points."""
    low, span = np.zeros(3), np.zeros(3)
    for axis in range(3):
        least, most = np.inf, -np.inf
        for p in range(len(points)):
            if np.isfinite(points[p, axis]):
                least, most = min(least, points[p, axis]), max(most, points[p, axis])
        if most >= least:
            low[axis], span[axis] = least, most - least
    return low, span


@compiled
def _sort_into_boxes(points, low, shape, edge):
    """Sort points by box, z fastest; return them, their indices and the start of each box."""
    n, boxes = len(points), shape[0] * shape[1] * shape[2]
    box, first = np.empty(n, np.int64), np.zeros(boxes + 1, np.int64)
    for p in range(n):
        b = 0
        for axis in range(3):
            at = int((points[p, axis] - low[axis]) / edge)
            b = b * shape[axis] + min(max(at, 0), shape[axis] - 1)
        box[p] = b
        first[b + 1] += 1
    for b in range(boxes):
        first[b + 1] += first[b]
    place = first[:-1].copy()
    ordered, index = np.empty_like(points), np.empty(n, np.int64)
    for p in range(n):
        at = place[box[p]]
        place[box[p]] += 1
        index[at] = p
        for axis in range(3):
            ordered[at, axis] = points[p, axis]
    return ordered, index, first


@compiled
def _box_along_axis(value, low, edge, count):
    """Return the box along one axis, and the distances to the grid and the box's nearer face."""
    at = (value - low) / edge
    box = min(max(int(np.floor(at)), 0), count - 1)
    inside = min(max(at - box, 0.0), 1.0)
    return box, max(0.0, -at, at - count) * edge, min(inside, 1.0 - inside) * edge


@compiled
def _insert_nearest(points, low, high, x, y, z, gaps, places):
    """Insert the points from `low` to `high` into the sorted lists (k,) of the nearest ones."""
    last = len(gaps) - 1
    for p in range(low, high):
        dx, dy, dz = points[p, 0] - x, points[p, 1] - y, points[p, 2] - z
        squared = dx * dx + dy * dy + dz * dz
        if squared < gaps[last]:
            at = last
            while at > 0 and gaps[at - 1] > squared:
                gaps[at], places[at] = gaps[at - 1], places[at - 1]
                at -= 1
            gaps[at], places[at] = squared, p


@compiled
def _search_k_nearest(points, first, low, shape, edge, index, queries, k, limit):
    """Search rings of boxes around each query until no farther box can hold a nearer point."""
    m = len(queries)
    gaps, places = np.full((m, k), limit), np.full((m, k), -1, np.int64)
    nx, ny, nz = shape[0], shape[1], shape[2]
    for q in range(m):
        x, y, z = queries[q, 0], queries[q, 1], queries[q, 2]
        cx, out_x, in_x = _box_along_axis(x, low[0], edge, nx)
        cy, out_y, in_y = _box_along_axis(y, low[1], edge, ny)
        cz, out_z, in_z = _box_along_axis(z, low[2], edge, nz)
        away = out_x * out_x + out_y * out_y + out_z * out_z
        margin = min(in_x, in_y, in_z)
        near, at = gaps[q], places[q]
        done = False
        for r in range(MAX_RINGS + 1):
            below, above = max(cz - r, 0), min(cz + r, nz - 1)
            for i in range(max(cx - r, 0), min(cx + r, nx - 1) + 1):
                for j in range(max(cy - r, 0), min(cy + r, ny - 1) + 1):
                    c = (i * ny + j) * nz
                    if (
                        abs(i - cx) == r or abs(j - cy) == r
                    ):  # the points of a column of boxes are consecutive
                        a, b = first[c + below], first[c + above + 1]
                        _insert_nearest(points, a, b, x, y, z, near, at)
                        continue
                    if cz - r >= 0:
                        a, b = first[c + cz - r], first[c + cz - r + 1]
                        _insert_nearest(points, a, b, x, y, z, near, at)
                    if cz + r < nz:
                        a, b = first[c + cz + r], first[c + cz + r + 1]
                        _insert_nearest(points, a, b, x, y, z, near, at)
            reach = r * edge + margin
            done = near[k - 1] <= away + reach * reach
            if done:
                break
        if not done:
            near[:], at[:] = limit, -1
            _insert_nearest(points, 0, len(points), x, y, z, near, at)
        for n in range(k):
            found = at[n] >= 0
            near[n], at[n] = (np.sqrt(near[n]), index[at[n]]) if found else (np.inf, 0)
    return gaps, places
