"""What the network is told about parts of the cloud and about pairs of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.sensing import CameraFrame
from world_model_node.local_planes import UPPER, eigenvalues_of
from world_model_node.segmentation.parts import Cells, means
from world_model_node.support import SupportPlane
from world_model_node.visibility import Sight, finite

NODE_FEATURES, PAIR_FEATURES = 22, 12
NODE_XY, NODE_NORMAL, NODE_EYE = slice(0, 2), slice(5, 8), slice(8, 11)  # turn with the scene
NODE_PAINT = slice(15, 18)
LINK_M = 0.009  # cells nearer than this touch
FAR_M, CLEAR_M = 0.12, 0.04  # lines of sight between nearer parts are looked at
FRACTIONS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class PartGraph:
    """The input of the network."""

    nodes: np.ndarray  # (M, NODE_FEATURES) float32
    pairs: np.ndarray  # (PAIR_FEATURES, M, M) float32, symmetric
    centers_m: np.ndarray  # (M, 3)
    counts: np.ndarray  # (M,) cells

    def __len__(self) -> int:
        return len(self.nodes)


def part_graph(cells: Cells, part: np.ndarray, sight: Sight, plane: SupportPlane) -> PartGraph:
    """Features of the parts (N,) of some cells."""
    counts = np.bincount(part)
    centers = means(cells.points_m, part)
    normals = means(cells.normals, part)
    nodes = node_features(cells, part, centers, normals, plane)
    pairs = pair_features(cells, part, centers, normals, sight)
    return PartGraph(nodes, pairs, centers, counts)


def node_features(
    cells: Cells, part: np.ndarray, centers: np.ndarray, normals: np.ndarray, plane: SupportPlane
) -> np.ndarray:
    """Place, shape, colour and certainty of each part. Shape (M, NODE_FEATURES) float32."""
    heights = plane.height_of(cells.points_m)
    order = np.argsort(part, kind='stable')
    first = np.searchsorted(part[order], np.arange(len(centers)))  # no part is empty
    low, high = (f.reduceat(heights[order], first) for f in (np.minimum, np.maximum))
    towards = means(unit(cells.eyes_m - cells.points_m), part)
    off = cells.points_m - centers[part]
    i, j = UPPER
    spread = np.sqrt(np.maximum(eigenvalues_of(means(off[:, i] * off[:, j], part)), 0.0))
    paint, colored = part_paint(cells, part)
    paint_spread = means((cells.paint - paint[part]) ** 2 * cells.colored[:, None], part).sum(1)
    columns = [
        (centers[:, :2] - centers[:, :2].mean(axis=0)) / 0.1,  # 0, 1
        np.stack([plane.height_of(centers), low, high], axis=1) / 0.1,  # 2-4
        normals,  # 5-7
        towards,  # 8-10
        np.linalg.norm(normals, axis=1, keepdims=True),  # 11
        spread / 0.01,  # 12-14
        paint / 30.0,  # 15-17
        np.stack([colored, np.sqrt(paint_spread) / 10.0], axis=1),  # 18, 19
        np.log(np.bincount(part))[:, None] / 3.0,  # 20
        means(cells.sigma_m[:, None].astype(float), part) / 0.004,  # 21
    ]
    return np.hstack(columns).astype(np.float32)


def pair_features(
    cells: Cells, part: np.ndarray, centers: np.ndarray, normals: np.ndarray, sight: Sight
) -> np.ndarray:
    """Distance, contact, crease, colour and view between parts. (PAIR_FEATURES, M, M) float32."""
    c = (centers - centers.mean(axis=0)).astype(np.float32)
    n = normals.astype(np.float32)
    distance = np.sqrt(np.maximum(squared_distances(c), 0.0))
    rise = n @ c.T - np.einsum('ij,ij->i', n, c)[:, None]  # > 0: the other is before the surface
    rise /= distance + np.float32(1e-4)
    paint, colored = (a.astype(np.float32) for a in part_paint(cells, part))
    unlike = np.sqrt(np.maximum(squared_distances(paint), 0.0)) / np.float32(10.0)
    both = np.sqrt(colored[:, None] * colored[None])
    channels = [
        np.minimum(distance / 0.05, 6.0),
        np.exp(-distance / 0.02),
        n @ n.T,
        0.5 * (rise + rise.T),
        np.maximum(rise, rise.T),
        np.minimum(unlike, 4.0) * both,
        both,
        *links(cells, part, len(centers)),
        *clearance(centers, distance, sight),
    ]
    return np.stack(channels, dtype=np.float32)


def links(cells: Cells, part: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many touching cells two parts share, how concave and how unlike there. Each (M, M)."""
    k = cells.gaps_m.shape[1]
    edge = np.flatnonzero((cells.gaps_m < LINK_M) & (part[cells.neighbours] != part[:, None]))
    a, b, gap = edge // k, cells.neighbours.ravel()[edge], cells.gaps_m.ravel()[edge]
    off = cells.points_m[a] - cells.points_m[b]
    opening = np.einsum('ij,ij->i', cells.normals[a] - cells.normals[b], off)
    opening /= np.maximum(gap, 1e-12)
    known = np.minimum(cells.colored[a], cells.colored[b])
    step = cells.paint[a] - cells.paint[b]
    unlike = np.sqrt(np.einsum('ij,ij->i', step, step)) / 10.0 * known
    key, weights = part[a] * m + part[b], (None, opening, np.minimum(unlike, 4.0))
    sums = np.stack([np.bincount(key, w, m * m) for w in weights]).astype(np.float32)
    sums = sums.reshape(3, m, m)
    count, opening_sum, unlike_sum = sums + sums.transpose(0, 2, 1)
    safe = np.maximum(count, np.float32(1.0))
    return np.log1p(count) / 2.0, opening_sum / safe, unlike_sum / safe


def clearance(
    centers: np.ndarray, distance: np.ndarray, sight: Sight
) -> tuple[np.ndarray, np.ndarray]:
    """How far the camera sees past the line between two parts: at its middle and at most.

    Negative where the line is hidden, 0 where nothing is known; in units of 1 cm. Each (M, M).
    """
    m = len(centers)
    middle, most = np.zeros((m, m), np.float32), np.zeros((m, m), np.float32)
    if sight.camera is None:
        return middle, most
    i, j = np.divmod(np.flatnonzero(np.triu(distance < FAR_M, 1)), m)
    ends = pixels(centers, sight.camera)  # (3, M); what lies between two is linear in them
    start, span = ends[:, i], ends[:, j] - ends[:, i]
    past = [past_surface(start + np.float32(f) * span, sight) for f in FRACTIONS]
    middle[i, j] = middle[j, i] = past[1] / np.float32(0.01)
    most[i, j] = most[j, i] = np.max(past, axis=0) / np.float32(0.01)
    return middle, most


def pixels(points: np.ndarray, camera: CameraFrame) -> np.ndarray:
    """Homogeneous pixel coordinates (u z, v z, z) of (N, 3) world points. Shape (3, N) float32."""
    in_camera = transform_points(inverse(camera.T_world_camera), points)
    return (camera.intrinsics @ in_camera.T).astype(np.float32)


def past_surface(columns: np.ndarray, sight: Sight) -> np.ndarray:
    """Depth seen behind (3, N) homogeneous pixels [m], cut to 4 cm; 0 where unknown. (N,)."""
    depth = sight.camera.depth_m
    height, width = depth.shape
    z = columns[2]
    pixel = columns[:2] / np.maximum(z, np.float32(1e-3)) + np.float32(0.5)
    u, v = np.clip(pixel, -1e6, 1e6).astype(np.int32)
    inside = (u >= 0) & (v >= 0) & (u < width) & (v < height)
    seen = finite(depth.ravel()[np.where(inside, v * width + u, 0)])
    past = np.clip(seen - z, -CLEAR_M, CLEAR_M, dtype=np.float32)
    return np.where(inside & (seen > 0.0), past, np.float32(0.0))


def part_paint(cells: Cells, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean shading-free colour (M, 3) and the share of it that is known (M,)."""
    colored = cells.colored.astype(float)
    share = means(colored[:, None], part)[:, 0]
    paint = means(cells.paint * colored[:, None], part) / np.maximum(share, 1e-6)[:, None]
    return paint, share


def squared_distances(rows: np.ndarray) -> np.ndarray:
    """Between all rows (M, C). Shape (M, M)."""
    squares = np.einsum('ij,ij->i', rows, rows)
    return squares[:, None] + squares[None] - 2.0 * rows @ rows.T


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, 3) of length one; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
