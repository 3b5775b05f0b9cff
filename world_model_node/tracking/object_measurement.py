"""Measurements of objects from clusters of voxels: position, size, colour and surface."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sakiyomi.compiled import compiled
from world_model_node.fusion.chromaticity import to_chromaticity
from world_model_node.fusion.points import PointSet, unique_inverse
from world_model_node.fusion.support_plane import SupportPlane
from world_model_node.tracking.surface.centroid import floating_share
from world_model_node.tracking.surface.shape_config import CentroidConfig, RegistrationConfig


@dataclass(frozen=True)
class ObjectMeasurement:
    """One cluster of the present cloud, in the world frame."""

    position_m: np.ndarray  # (3,) centre of the volume under its surface
    extent_m: np.ndarray  # (3,) size of its axis-aligned box
    volume_m3: float
    chromaticity: np.ndarray  # (3,) mean shading-free colour; NaN without a camera
    points_m: np.ndarray  # (N, 3) float32
    colors: np.ndarray  # (N, 3) uint8
    colored: np.ndarray  # (N,) whether the camera saw the point

    def registration_points(self, config: RegistrationConfig) -> np.ndarray:
        """The points of one stamp: the camera's, where there are enough."""
        seen = np.flatnonzero(self.colored)
        min_points = max(config.min_camera_points, config.min_camera_share * len(self.points_m))
        return self.points_m[seen] if len(seen) > min_points else self.points_m


def measure_objects(
    voxels: PointSet,
    labels: np.ndarray,
    plane: SupportPlane,
    voxel_m: float,
    config: CentroidConfig,
) -> list[ObjectMeasurement]:
    """One measurement per label, in label order."""
    order = np.argsort(labels, kind='stable')
    bounds = np.searchsorted(labels[order], np.arange(int(labels.max(initial=-1)) + 2))
    grouped = voxels[order[bounds[0] :]]
    heights = plane.height_of(grouped.points_m)
    chromaticity = to_chromaticity(grouped.colors)
    colors = np.clip(grouped.colors, 0, 255).astype(np.uint8)
    found = []
    for start, end in pairwise(bounds - bounds[0]):
        own = slice(start, end)
        points = grouped.points_m[own]
        position, volume = volume_under(points, heights[own], voxel_m, config)
        weight = grouped.colored[own]
        mean_chromaticity = (
            weight @ chromaticity[own] / weight.sum() if weight.any() else np.full(3, np.nan)
        )
        extent = np.ptp(points.astype(float), axis=0)
        color_columns = colors[own], weight > 0.0
        found.append(
            ObjectMeasurement(position, extent, volume, mean_chromaticity, points, *color_columns)
        )
    return found


def volume_under(
    points: np.ndarray, heights: np.ndarray, voxel_m: float, config: CentroidConfig
) -> tuple[np.ndarray, float]:
    """Centre (3,) [m] and volume [m^3] of the columns between the surface and its support.

    Sensors see tops and some sides, never the underside; the mean of the points would lie too high
    and towards the sensors, the centre of the columns does not.
    """
    rank = len(heights) * config.lowest_percent // 100
    low = float(np.partition(heights, rank)[rank])
    floor = low * floating_share(low, config)
    cell = np.floor(points[:, :2] / (1.5 * voxel_m)).astype(np.int64)
    cell -= cell.min(axis=0)
    keys, column = unique_inverse(cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1])
    x, y, level, total = _column_moments(points.astype(float), heights, column, len(keys), floor)
    offset = float(np.mean(points[:, 2] - heights))  # height of the table below
    return np.array([x, y, level + offset]), total * (1.5 * voxel_m) ** 2


@compiled
def _column_moments(points, heights, column, m, floor):
    """Centre x and y [m], mean height and sum of heights [m] of `m` columns down to a floor."""
    count, top, xy = np.zeros(m), np.full(m, floor), np.zeros((m, 2))
    for n in range(len(points)):
        c = column[n]
        count[c] += 1.0
        top[c] = max(top[c], heights[n])
        xy[c, 0] += points[n, 0]
        xy[c, 1] += points[n, 1]
    total = x = y = moment = 0.0
    for c in range(m):
        height = top[c] - floor + 1e-6
        total += height
        x += height * xy[c, 0] / count[c]
        y += height * xy[c, 1] / count[c]
        moment += 0.5 * height * height
    return x / total, y / total, floor + moment / total, total
