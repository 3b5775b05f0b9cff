"""What the network is told about supervoxels of the cloud and about pairs of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.compiled import compiled
from sakiyomi.geometry import inverse, transform_points
from sakiyomi.sensing import CameraFrame
from world_model_node.fusion.local_pca import UPPER_TRIANGLE, symmetric_eigenvalues
from world_model_node.fusion.support_plane import SupportPlane
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.segmentation.supervoxels import CoarseVoxels, group_means

NODE_FEATURES, PAIR_FEATURES = 22, 12
# turn with the scene
NODE_XY, NODE_NORMAL, NODE_VIEWPOINT = slice(0, 2), slice(5, 8), slice(8, 11)
NODE_CHROMATICITY = slice(15, 18)
ADJACENT_M = 0.009  # coarse voxels nearer than this touch
# lines of sight between nearer supervoxels are looked at
MAX_CLEARANCE_DISTANCE_M, MAX_CLEARANCE_M = 0.12, 0.04
LINE_FRACTIONS = (0.25, 0.5, 0.75)


@dataclass(frozen=True)
class SupervoxelGraph:
    """The input of the network."""

    nodes: np.ndarray  # (M, NODE_FEATURES) float32
    pairs: np.ndarray  # (PAIR_FEATURES, M, M) float32, symmetric
    centers_m: np.ndarray  # (M, 3)
    counts: np.ndarray  # (M,) coarse voxels

    def __len__(self) -> int:
        return len(self.nodes)


def supervoxel_graph(
    coarse_voxels: CoarseVoxels,
    supervoxel: np.ndarray,
    visibility: VisibilityModel,
    plane: SupportPlane,
) -> SupervoxelGraph:
    """Features of the supervoxels (N,) of some coarse voxels."""
    counts = np.bincount(supervoxel)
    centers = group_means(coarse_voxels.points_m, supervoxel, len(counts))
    normals = group_means(coarse_voxels.normals, supervoxel, len(counts))
    nodes = node_features(coarse_voxels, supervoxel, centers, normals, plane)
    pairs = pair_features(coarse_voxels, supervoxel, centers, normals, visibility)
    return SupervoxelGraph(nodes, pairs, centers, counts)


def node_features(
    coarse_voxels: CoarseVoxels,
    supervoxel: np.ndarray,
    centers: np.ndarray,
    normals: np.ndarray,
    plane: SupportPlane,
) -> np.ndarray:
    """Place, shape, colour and certainty of each supervoxel. Shape (M, NODE_FEATURES) float32."""
    heights = plane.height_of(coarse_voxels.points_m)
    m = len(centers)
    low, high = group_extremes(heights, supervoxel, m)
    towards = group_means(
        unit_vectors(coarse_voxels.viewpoints_m - coarse_voxels.points_m), supervoxel, m
    )
    off = coarse_voxels.points_m - centers[supervoxel]
    i, j = UPPER_TRIANGLE
    spread = np.sqrt(
        np.maximum(symmetric_eigenvalues(group_means(off[:, i] * off[:, j], supervoxel, m)), 0.0)
    )
    chromaticities, colored = mean_chromaticity(coarse_voxels, supervoxel, m)
    unlike = (
        coarse_voxels.chromaticities - chromaticities[supervoxel]
    ) ** 2 * coarse_voxels.colored[:, None]
    chromaticity_spread = group_means(unlike, supervoxel, m).sum(axis=1)
    columns = [
        (centers[:, :2] - centers[:, :2].mean(axis=0)) / 0.1,  # 0, 1
        np.stack([plane.height_of(centers), low, high], axis=1) / 0.1,  # 2-4
        normals,  # 5-7
        towards,  # 8-10
        np.linalg.norm(normals, axis=1, keepdims=True),  # 11
        spread / 0.01,  # 12-14
        chromaticities / 30.0,  # 15-17
        np.stack([colored, np.sqrt(chromaticity_spread) / 10.0], axis=1),  # 18, 19
        np.log(np.bincount(supervoxel))[:, None] / 3.0,  # 20
        group_means(coarse_voxels.sigma_m[:, None].astype(float), supervoxel, m) / 0.004,  # 21
    ]
    return np.hstack(columns).astype(np.float32)


def pair_features(
    coarse_voxels: CoarseVoxels,
    supervoxel: np.ndarray,
    centers: np.ndarray,
    normals: np.ndarray,
    visibility: VisibilityModel,
) -> np.ndarray:
    """Distance, contact, crease, colour and view between parts. (PAIR_FEATURES, M, M) float32."""
    m = len(centers)
    chromaticities, colored = mean_chromaticity(coarse_voxels, supervoxel, m)
    pairs = np.zeros((PAIR_FEATURES, m, m), np.float32)
    _write_distances(pairs, centers, normals, chromaticities, colored)
    _write_adjacency(
        pairs,
        coarse_voxels.points_m,
        coarse_voxels.normals,
        coarse_voxels.chromaticities,
        coarse_voxels.colored,
        coarse_voxels.neighbors,
        coarse_voxels.neighbor_distances_m,
        supervoxel,
    )
    if visibility.camera is not None:
        ends = pixels(centers, visibility.camera)
        _write_clearance(pairs, centers, ends, np.asarray(visibility.camera.depth_m, np.float32))
    return pairs


@compiled
def _write_distances(pairs, centers, normals, chromaticities, colored):
    """Distance, crease and colour of supervoxels, wherever they are: channels 0 to 6."""
    m = len(centers)
    for a in range(m):
        for b in range(a, m):
            squared = alike = rise_a = rise_b = step = 0.0
            for axis in range(3):
                off = centers[b, axis] - centers[a, axis]
                squared += off * off
                alike += normals[a, axis] * normals[b, axis]
                rise_a += normals[a, axis] * off  # > 0: b is before the surface of a
                rise_b -= normals[b, axis] * off
                step += (chromaticities[b, axis] - chromaticities[a, axis]) ** 2
            distance = np.sqrt(squared)
            rise_a, rise_b = rise_a / (distance + 1e-4), rise_b / (distance + 1e-4)
            both = np.sqrt(colored[a] * colored[b])
            pairs[0, a, b] = pairs[0, b, a] = min(distance / 0.05, 6.0)
            pairs[1, a, b] = pairs[1, b, a] = np.exp(-distance / 0.02)
            pairs[2, a, b] = pairs[2, b, a] = alike
            pairs[3, a, b] = pairs[3, b, a] = 0.5 * (rise_a + rise_b)
            pairs[4, a, b] = pairs[4, b, a] = max(rise_a, rise_b)
            pairs[5, a, b] = pairs[5, b, a] = min(np.sqrt(step) / 10.0, 4.0) * both
            pairs[6, a, b] = pairs[6, b, a] = both


@compiled
def _write_adjacency(
    pairs, points, normals, chromaticities, colored, neighbors, neighbor_distances, supervoxel
):
    """How many touching cells two parts share, how concave and how unlike there: 7 to 9."""
    for a in range(len(points)):
        for k in range(neighbors.shape[1]):
            b = neighbors[a, k]
            p, q = supervoxel[a], supervoxel[b]
            if p == q or neighbor_distances[a, k] >= ADJACENT_M:
                continue
            opening = step = 0.0
            for axis in range(3):
                opening += (normals[a, axis] - normals[b, axis]) * (
                    points[a, axis] - points[b, axis]
                )
                step += (chromaticities[a, axis] - chromaticities[b, axis]) ** 2
            opening /= max(neighbor_distances[a, k], 1e-12)
            unlike = min(np.sqrt(step) / 10.0 * min(colored[a], colored[b]), 4.0)
            for i, j in ((p, q), (q, p)):
                pairs[7, i, j] += 1.0
                pairs[8, i, j] += opening
                pairs[9, i, j] += unlike
    m = pairs.shape[1]
    for i in range(m):
        for j in range(m):
            count = pairs[7, i, j]
            pairs[7, i, j] = np.log1p(count) / 2.0
            pairs[8, i, j] /= max(count, 1.0)
            pairs[9, i, j] /= max(count, 1.0)


@compiled
def _write_clearance(pairs, centers, ends, depth):
    """How far the camera sees past the line between two parts: at its middle, at most: 10, 11.

    Negative where the line is hidden, 0 where nothing is known; in units of 1 cm. Pixels are
    homogeneous, so that what lies between the `ends` (3, M) is linear in them.
    """
    m = len(centers)
    clearance = np.empty(len(LINE_FRACTIONS))
    for a in range(m):
        for b in range(a + 1, m):
            squared = 0.0
            for axis in range(3):
                squared += (centers[b, axis] - centers[a, axis]) ** 2
            if squared >= MAX_CLEARANCE_DISTANCE_M * MAX_CLEARANCE_DISTANCE_M:
                continue
            for at, fraction in enumerate(LINE_FRACTIONS):
                u = ends[0, a] + fraction * (ends[0, b] - ends[0, a])
                v = ends[1, a] + fraction * (ends[1, b] - ends[1, a])
                z = ends[2, a] + fraction * (ends[2, b] - ends[2, a])
                clearance[at] = _clearance_at(u, v, z, depth)
            pairs[10, a, b] = pairs[10, b, a] = clearance[1] / 0.01
            pairs[11, a, b] = pairs[11, b, a] = clearance.max() / 0.01


@compiled
def _clearance_at(u, v, z, depth):
    """Depth seen behind a homogeneous pixel [m], cut to 4 cm; 0 where unknown."""
    height, width = depth.shape
    column, row = u / max(z, 1e-3) + 0.5, v / max(z, 1e-3) + 0.5
    if not (0.0 <= column < width and 0.0 <= row < height):
        return 0.0
    seen = depth[int(row), int(column)]
    if not (np.isfinite(seen) and seen > 0.0):
        return 0.0
    return min(max(seen - z, -MAX_CLEARANCE_M), MAX_CLEARANCE_M)


def pixels(points: np.ndarray, camera: CameraFrame) -> np.ndarray:
    """Homogeneous pixel coordinates (u z, v z, z) of (N, 3) world points. Shape (3, N) float32."""
    in_camera = transform_points(inverse(camera.T_world_camera), points)
    return (camera.intrinsics @ in_camera.T).astype(np.float32)


def mean_chromaticity(
    coarse_voxels: CoarseVoxels, supervoxel: np.ndarray, m: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean shading-free colour (M, 3) of `m` parts and the share of it that is known (M,)."""
    colored = coarse_voxels.colored.astype(float)
    share = group_means(colored[:, None], supervoxel, m)[:, 0]
    chromaticities = (
        group_means(coarse_voxels.chromaticities * colored[:, None], supervoxel, m)
        / np.maximum(share, 1e-6)[:, None]
    )
    return chromaticities, share


@compiled
def group_extremes(
    values: np.ndarray, supervoxel: np.ndarray, m: int
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the largest of the values (N,) of each of `m` supervoxels. (M,) each."""
    low, high = np.full(m, np.inf), np.full(m, -np.inf)
    for n in range(len(values)):
        p = supervoxel[n]
        low[p], high[p] = min(low[p], values[n]), max(high[p], values[n])
    return low, high


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Vectors (N, 3) of length one; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
