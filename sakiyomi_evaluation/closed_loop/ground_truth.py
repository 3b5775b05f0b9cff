"""What is really there: true centres, motion and surfaces of the objects of a simulated cell.

An object's centre is the centroid of the volume of its mesh's convex hull: what a world model that
knows nothing of a hollow or of the density inside can hope to find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import open3d as o3d
from scipy.spatial import cKDTree

from sakiyomi.geometry import transform_points, twist_at
from sakiyomi.sensing import CameraFrame, LidarScan
from simulation_node.cell import SimulatedCell
from simulation_node.objects.meshes import Shape
from simulation_node.objects.object_files import mass_and_center

NO_OBJECT = -1
LABEL_DISTANCE_M = 0.010  # a point this near to a true surface is of that object
PIXEL_LABEL_DISTANCE_M = 0.005  # and so near in a picture, where the table is still there
NUM_SURFACE_POINTS = 1500  # sampled on each object for Chamfer distances
MIN_PIXELS, MIN_RETURNS = 150, 15  # an object that fewer see cannot be found by anyone
PIXEL_STEP = 2  # every second pixel is enough to count


@dataclass(frozen=True)
class GroundTruth:
    """The objects at one instant; every array has one row per object."""

    names: tuple[str, ...]
    T_world_object: np.ndarray  # (N, 4, 4)
    centers_m: np.ndarray  # (N, 3) world frame
    twists: np.ndarray  # (N, 6) of the centres, world frame
    extents_m: np.ndarray  # (N,) diagonal of the box
    surfaces_m: np.ndarray  # (N, NUM_SURFACE_POINTS, 3) world frame
    meshes: o3d.t.geometry.RaycastingScene

    def labels(self, points: np.ndarray, max_distance_m: float = LABEL_DISTANCE_M) -> np.ndarray:
        """The object nearest to each of (M, 3) world points, NO_OBJECT if none is near. (M,)."""
        if not len(points) or not self.names:
            return np.full(len(points), NO_OBJECT)
        query = np.ascontiguousarray(points, np.float32)
        found = self.meshes.compute_closest_points(o3d.core.Tensor(query))
        distance = np.linalg.norm(found['points'].numpy() - query, axis=1)
        owner = found['geometry_ids'].numpy().astype(int)
        return np.where(distance < max_distance_m, owner, NO_OBJECT)

    def detectable(self, frame: CameraFrame, scan: LidarScan) -> np.ndarray:
        """Whether a sensor sees enough of each object to find it. (N,)."""
        image = self.labels_of_image(frame, PIXEL_STEP)
        returns = self.labels(transform_points(scan.T_world_lidar, scan.points_m))
        kinds = np.arange(len(self.names))
        pixels = (image.reshape(-1, 1) == kinds).sum(axis=0) * PIXEL_STEP**2
        return (pixels >= MIN_PIXELS) | ((returns[:, None] == kinds).sum(axis=0) >= MIN_RETURNS)

    def labels_of_image(self, frame: CameraFrame, step: int = 1) -> np.ndarray:
        """The object at every `step`-th pixel that has depth, else NO_OBJECT. (H, W) at step 1."""
        depth = frame.depth_m[::step, ::step]
        v, u = np.nonzero(depth > 0.0)
        z, K = depth[v, u], frame.intrinsics
        x, y = (step * u - K[0, 2]) / K[0, 0] * z, (step * v - K[1, 2]) / K[1, 1] * z
        points = transform_points(frame.T_world_camera, np.stack([x, y, z], axis=1))
        image = np.full(depth.shape, NO_OBJECT)
        image[v, u] = self.labels(points, PIXEL_LABEL_DISTANCE_M)
        return image

    def chamfer_m(self, index: int, points: np.ndarray) -> tuple[float, float]:
        """Mean distances [m]: (M, 3) points to the object's surface, and its surface to them."""
        surface = self.surfaces_m[index]
        to_surface = cKDTree(surface).query(points)[0]
        to_points = cKDTree(points).query(surface)[0]
        return float(to_surface.mean()), float(to_points.mean())


class GroundTruthReader:
    """Reads the truth of one scene of a cell; made anew after every reset."""

    def __init__(self, cell: SimulatedCell, seed: int):
        self.cell = cell
        rng = np.random.default_rng(seed)
        self._shapes = {name: cell.shape(name) for name in cell.names}
        self._centers = {name: mass_and_center(shape)[1] for name, shape in self._shapes.items()}
        self._surfaces = {
            name: sample_surface(shape, NUM_SURFACE_POINTS, rng)
            for name, shape in self._shapes.items()
        }

    def now(self) -> GroundTruth:
        """The truth at this instant."""
        items = [item for item in self.cell.ground_truth() if item.name in self._shapes]
        poses = np.array([item.T_world_object for item in items]).reshape(-1, 4, 4)
        names = tuple(item.name for item in items)
        centers = [
            T[:3, :3] @ self._centers[n] + T[:3, 3] for n, T in zip(names, poses, strict=True)
        ]
        surfaces = [
            transform_points(T, self._surfaces[n]) for n, T in zip(names, poses, strict=True)
        ]
        centers_m = np.array(centers).reshape(-1, 3)
        twists = np.array([i.twist for i in items]).reshape(-1, 6)
        return GroundTruth(
            names=names,
            T_world_object=poses,
            centers_m=centers_m,
            twists=twist_at(twists, centers_m - poses[:, :3, 3]),
            extents_m=np.array([np.linalg.norm(np.ptp(s, axis=0)) for s in surfaces]),
            surfaces_m=np.array(surfaces).reshape(-1, NUM_SURFACE_POINTS, 3),
            meshes=_ray_scene([self._shapes[n] for n in names], poses),
        )


def sample_surface(shape: Shape, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` points spread evenly over the area of a mesh. Shape (count, 3)."""
    corners = shape.vertices_m[shape.triangles.astype(int)].astype(float)  # (F, 3, 3)
    a, b, c = corners.transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(area), count, p=area / area.sum())
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1.0 - u, u * (1.0 - v), u * v], axis=1)
    return np.einsum('nk,nkd->nd', weights, corners[chosen])


def _ray_scene(shapes: list[Shape], poses: np.ndarray) -> o3d.t.geometry.RaycastingScene:
    scene = o3d.t.geometry.RaycastingScene()
    for shape, T in zip(shapes, poses, strict=True):
        vertices = np.ascontiguousarray(transform_points(T, shape.vertices_m), np.float32)
        scene.add_triangles(o3d.core.Tensor(vertices), o3d.core.Tensor(shape.triangles))
    return scene
