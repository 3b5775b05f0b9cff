"""Convex hulls of observed points, made to fit table, fingers and hand before they are let go."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

from sakiyomi.geometry import inverse

COLLISION_MARGIN_M = 0.001  # the engine's collision margin around meshes
PAD_PATCH_HALF_M = 0.004  # half the side of a pad's assumed contact patch


def hull_mesh(points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) float32 and triangles (F, 3) of the convex hull, normals outwards."""
    hull = ConvexHull(points_m.astype(float), qhull_options='QJ')
    index = np.full(len(points_m), -1)
    index[hull.vertices] = np.arange(len(hull.vertices))
    vertices = points_m[hull.vertices].astype(np.float32)
    return vertices, _outward(vertices, index[hull.simplices])


def clip_hull(points_m: np.ndarray, at_m: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Points (M, 3) whose hull is that of `points_m` on the plane's side that `normal` points to.

    Only corners of the hull are paired across the plane, or many cuts would fill the memory.

    Args:
        points_m: (N, 3).
        at_m: (3,) on the plane.
        normal: (3,) unit.
    """
    points_m = points_m[ConvexHull(points_m.astype(float), qhull_options='QJ').vertices]
    height = (points_m - at_m) @ normal
    kept, lost = points_m[height >= 0.0], points_m[height < 0.0]
    share = height[height >= 0.0][:, None] - height[height < 0.0][None]  # (K, L)
    share = height[height >= 0.0][:, None] / np.maximum(share, 1e-12)
    crossings = kept[:, None] + share[..., None] * (lost[None] - kept[:, None])
    return np.vstack([kept, crossings.reshape(-1, 3)])


def rest_on_table(
    points_m: np.ndarray, T_world_object: np.ndarray, table_height_m: float, near_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points (M, 3) and pose (4, 4) that rest on the table where they nearly do.

    What lies lower than `near_m` above the table is continued down to it, for no sensor sees the
    table under an object; what reaches below the table is raised. On the table is where the
    engine's margin lets things lie, so that they neither jump nor fall.
    """
    floor_m = table_height_m + COLLISION_MARGIN_M
    world = points_m @ T_world_object[:3, :3].T + T_world_object[:3, 3]
    low = float(world[:, 2].min()) - floor_m
    T = T_world_object.copy()
    if low < 0.0:
        T[2, 3] -= low
        return points_m, T
    if low > near_m:
        return points_m, T
    foot = world[world[:, 2] < floor_m + low + near_m].copy()
    foot[:, 2] = floor_m
    T_object_world = inverse(T_world_object)
    foot = foot @ T_object_world[:3, :3].T + T_object_world[:3, 3]
    return np.vstack([points_m, foot]), T


def fit_between_pads(
    points_m: np.ndarray,
    T_world_object: np.ndarray,
    T_world_grasp: np.ndarray,
    width_m: float,
    contacts_m: np.ndarray,
) -> np.ndarray:
    """Points (M, 3) of a held object that fit the opening, and reach the pads where it is felt.

    Args:
        points_m: (N, 3) in the object frame.
        T_world_object: (4, 4).
        T_world_grasp: (4, 4) y closes.
        width_m: the opening.
        contacts_m: (n, 3) centres of pressure on the pads, world frame.
    """
    T_grasp_object = inverse(T_world_grasp) @ T_world_object
    inside = points_m @ T_grasp_object[:3, :3].T + T_grasp_object[:3, 3]
    inside[:, 1] = np.clip(inside[:, 1], -0.5 * width_m, 0.5 * width_m)
    T_grasp_world = inverse(T_world_grasp)
    felt = contacts_m @ T_grasp_world[:3, :3].T + T_grasp_world[:3, 3]
    felt[:, 1] = np.sign(felt[:, 1]) * 0.5 * width_m
    patch = np.array(
        [
            [x, 0.0, z]
            for x in (-PAD_PATCH_HALF_M, PAD_PATCH_HALF_M)
            for z in (-PAD_PATCH_HALF_M, PAD_PATCH_HALF_M)
        ]
    )
    fitted = np.vstack([inside, *(at + patch for at in felt)])
    back = inverse(T_grasp_object)
    return fitted @ back[:3, :3].T + back[:3, 3]


def _outward(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles, each turned so that its normal points away from the middle."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    inward = np.einsum('fi,fi->f', normal, a - vertices.mean(axis=0)) < 0.0
    turned = triangles.copy()
    turned[inward] = triangles[inward][:, ::-1]
    return turned
