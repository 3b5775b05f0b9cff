"""The features of pairs of supervoxels in the segmentation network's input."""

from __future__ import annotations

import numpy as np

from sakiyomi.compiled import compiled
from sakiyomi.geometry import inverse, transform_points
from sakiyomi.sensing import CameraFrame
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.segmentation.dimensions import PAIR_FEATURES
from world_model_node.segmentation.segmentation_config import PairFeatureConfig
from world_model_node.segmentation.supervoxels import CoarseVoxels, mean_chromaticity


def pair_features(
    coarse_voxels: CoarseVoxels,
    supervoxel: np.ndarray,
    centers: np.ndarray,
    normals: np.ndarray,
    visibility: VisibilityModel,
    config: PairFeatureConfig,
) -> np.ndarray:
    """Compute distance, contact, crease, colour and clearance of all pairs of supervoxels.

    Returns:
        The features (PAIR_FEATURES, M, M) float32, symmetric in the supervoxels.
    """
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
        config.adjacent_m,
    )
    if visibility.camera is not None:
        ends = pixels(centers, visibility.camera)
        depth = np.asarray(visibility.camera.depth_m, np.float32)
        _write_clearance(
            pairs, centers, ends, depth, config.max_clearance_distance_m, config.max_clearance_m
        )
    return pairs


@compiled
def _write_distances(pairs, centers, normals, chromaticities, colored):
    """Write distance, crease and colour of all pairs to channels 0 to 6."""
    m = len(centers)
    for a in range(m):
        for b in range(a, m):
            squared = alike = rise_a = rise_b = step = 0.0
            for axis in range(3):
                off = centers[b, axis] - centers[a, axis]
                squared += off * off
                alike += normals[a, axis] * normals[b, axis]
                rise_a += normals[a, axis] * off  # positive if b is in front of a
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
    pairs,
    points,
    normals,
    chromaticities,
    colored,
    neighbors,
    neighbor_distances,
    supervoxel,
    adjacent,
):
    """Write number, concavity and colour difference of the contacts of pairs to 7, 8 and 9."""
    for a in range(len(points)):
        for k in range(neighbors.shape[1]):
            b = neighbors[a, k]
            p, q = supervoxel[a], supervoxel[b]
            if p == q or neighbor_distances[a, k] >= adjacent:
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
def _write_clearance(pairs, centers, ends, depth, max_distance, max_clearance):
    """Write the clearance behind the line of each pair, central and largest, to 10 and 11.

    The unit is 1 cm. Clearance is negative on an occluded line and 0 if the depth is unknown.
    Points between the homogeneous pixels `ends` (3, M) are linear in them.
    """
    m = len(centers)
    fractions = (0.25, 0.5, 0.75)
    clearance = np.empty(3)
    for a in range(m):
        for b in range(a + 1, m):
            squared = 0.0
            for axis in range(3):
                squared += (centers[b, axis] - centers[a, axis]) ** 2
            if squared >= max_distance * max_distance:
                continue
            for at, fraction in enumerate(fractions):
                u = ends[0, a] + fraction * (ends[0, b] - ends[0, a])
                v = ends[1, a] + fraction * (ends[1, b] - ends[1, a])
                z = ends[2, a] + fraction * (ends[2, b] - ends[2, a])
                clearance[at] = _clearance_at(u, v, z, depth, max_clearance)
            pairs[10, a, b] = pairs[10, b, a] = clearance[1] / 0.01
            pairs[11, a, b] = pairs[11, b, a] = clearance.max() / 0.01


@compiled
def _clearance_at(u, v, z, depth, bound):
    """Compute the bounded depth [m] behind a homogeneous pixel; 0 if unknown."""
    height, width = depth.shape
    column, row = u / max(z, 1e-3) + 0.5, v / max(z, 1e-3) + 0.5
    if not (0.0 <= column < width and 0.0 <= row < height):
        return 0.0
    seen = depth[int(row), int(column)]
    if not (np.isfinite(seen) and seen > 0.0):
        return 0.0
    return min(max(seen - z, -bound), bound)


def pixels(points: np.ndarray, camera: CameraFrame) -> np.ndarray:
    """Project (N, 3) world points to homogeneous pixels (u z, v z, z). Shape (3, N) float32."""
    in_camera = transform_points(inverse(camera.T_world_camera), points)
    return (camera.intrinsics @ in_camera.T).astype(np.float32)
