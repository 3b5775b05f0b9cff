"""The part of the cloud around one object."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from planner_node.config import GraspConfig
from sakiyomi.scene import Scene


@dataclass(frozen=True)
class LocalCloud:
    """A target, its connected neighbours and the obstacles near it; world frame."""

    points: np.ndarray  # (N, 3) the target and the points connected with it
    normals: np.ndarray  # (N, 3) outward
    is_target: np.ndarray  # (N,) the target itself
    obstacles: np.ndarray  # (M, 3) the rest
    box_center: np.ndarray  # (3,) of the target's box: a partial view biases the mean
    table_height_m: float


def extract_local_cloud(scene: Scene, own_m: np.ndarray, config: GraspConfig) -> LocalCloud:
    """The cloud around a target's own points (K, 3): the connected part and the obstacles.

    Points connected with the target may belong to the target too, cut in two by the clustering, so
    that the hand is closed on all of them.
    """
    low, high, margin_m = own_m.min(axis=0), own_m.max(axis=0), config.crop_margin_m
    near = np.all((scene.cloud_m > low - margin_m) & (scene.cloud_m < high + margin_m), axis=1)
    cloud = scene.cloud_m[near]
    normals = scene.normals[near] if len(scene.normals) else outward_normals(cloud)
    is_target = within_radius(cloud, own_m, config.target_radius_m)
    connected = _connected(cloud, is_target, config.connectivity_radius_m)
    limit = config.max_points
    return LocalCloud(
        points=_subsample(cloud[connected], limit),
        normals=_subsample(normals[connected], limit),
        is_target=_subsample(is_target[connected], limit),
        obstacles=_subsample(cloud[~connected], limit),
        box_center=(low + high) / 2,
        table_height_m=scene.table_height_m,
    )


def within_radius(cloud_m: np.ndarray, own_m: np.ndarray, radius_m: float) -> np.ndarray:
    """Which points of a cloud (N, 3) lie within a radius of another (K, 3). Shape (N,) bool."""
    if not len(cloud_m) or not len(own_m):
        return np.zeros(len(cloud_m), bool)
    distance, _ = cKDTree(own_m).query(cloud_m, distance_upper_bound=radius_m)
    return np.isfinite(distance)


def outward_normals(points_m: np.ndarray, neighbours: int = 16) -> np.ndarray:
    """Unit normals by local principal components, pointing away from the middle of the cloud.

    For clouds that come without normals: right for convex shapes, wrong inside hollow ones.
    Shape (N, 3) → (N, 3).
    """
    k = min(neighbours, len(points_m))
    if k < 3:
        return np.tile([0.0, 0.0, 1.0], (len(points_m), 1))
    _, index = cKDTree(points_m).query(points_m, k=k)
    patch = points_m[index]  # (N, k, 3)
    patch = patch - patch.mean(axis=1, keepdims=True)
    _, vectors = np.linalg.eigh(np.einsum('nki,nkj->nij', patch, patch))
    normals = vectors[:, :, 0]
    outward = points_m - (points_m.min(axis=0) + points_m.max(axis=0)) / 2
    return normals * np.where(np.einsum('nj,nj->n', normals, outward) < 0, -1.0, 1.0)[:, None]


def _subsample(points: np.ndarray, limit: int) -> np.ndarray:
    """At most `limit` rows, evenly taken, so that the work is bounded."""
    return points[:: -(-len(points) // limit)] if len(points) > limit else points


def _connected(cloud: np.ndarray, seeds: np.ndarray, step_m: float) -> np.ndarray:
    """Which points hang together with the seeds by steps no longer than this. Shape (N,) bool."""
    pairs = cKDTree(cloud).query_pairs(step_m, output_type='ndarray')
    links = coo_matrix((np.ones(len(pairs), bool), pairs.T), (len(cloud), len(cloud)))
    _, label = connected_components(links, directed=False)
    return np.isin(label, np.unique(label[seeds]))
