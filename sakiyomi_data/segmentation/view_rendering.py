"""Views of a settled scene by sensors that stand elsewhere, see worse, or are missing."""

from __future__ import annotations

import colorsys
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import open3d as o3d
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform, transform_points
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi_data.segmentation.labelled_views import LabelledView
from simulation_node.cell import SimulatedCell
from simulation_node.sensors.camera import DepthCamera
from simulation_node.sensors.lidar import Lidar
from simulation_node.sensors.palette import palette
from simulation_node.sensors.raycast import RayScene
from world_model_node.config import WorldModelConfig
from world_model_node.fusion.cloud_fusion import CloudFusion
from world_model_node.fusion.points import PointSet, fuse_voxels
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.inputs.robot_view import RobotView
from world_model_node.inputs.sensor_inputs import Snapshot

MAX_SHIFT_M, MAX_TILT_RAD = 0.10, np.radians(10.0)
NUM_SCANS, SCAN_PERIOD_S = 6, 0.1
MODALITIES, MODALITY_ODDS = ('both', 'camera', 'lidar'), (0.7, 0.2, 0.1)
COLORINGS, COLORING_ODDS = ('own', 'random', 'alike'), (0.4, 0.4, 0.2)
PRINT_PROBABILITY = 0.4  # share of objects in two colours, where they are painted at random
MAX_LABEL_DISTANCE_M = 0.012  # a voxel farther from every object is of none
NO_OBJECT = -1


@dataclass(frozen=True)
class ViewConditions:
    """How a view is taken."""

    modality: str
    scans: int
    coloring: str
    T_camera: np.ndarray  # (4, 4) displacement of the camera in its own frame
    T_lidar: np.ndarray
    camera_noise: float  # scale
    lidar_noise_m: float

    @staticmethod
    def nominal(coloring: str = 'own') -> ViewConditions:
        """The work cell as it is."""
        return ViewConditions('both', NUM_SCANS, coloring, np.eye(4), np.eye(4), 1.0, 0.004)

    @staticmethod
    def random(rng: np.random.Generator) -> ViewConditions:
        """Anything that may happen."""
        return ViewConditions(
            str(rng.choice(MODALITIES, p=MODALITY_ODDS)),
            int(rng.integers(1, NUM_SCANS + 1)),
            str(rng.choice(COLORINGS, p=COLORING_ODDS)),
            _displacement(rng),
            _displacement(rng),
            float(rng.uniform(0.5, 2.0)),
            float(rng.uniform(0.002, 0.008)),
        )


class ViewRenderer:
    """Looks at the objects of a cell as the world model does."""

    def __init__(self, cell: SimulatedCell, model: WorldModelConfig) -> None:
        self.cell, self.model = cell, model
        self.robot = RobotView(RobotModel(cell.description), model.touch)

    def view(self, conditions: ViewConditions, rng: np.random.Generator) -> LabelledView:
        """The fused voxels of one view, and which object each is of."""
        shapes, poses = self._bodies()
        scene = RayScene(shapes, poses)
        names = self.cell.names
        coloring = recolor_palette(
            palette(scene.names, shapes), scene.names, conditions.coloring, rng
        )
        snapshot = self._snapshot(scene, coloring, conditions, rng)
        cloud_fusion = CloudFusion(self.model, self.robot, lambda _: snapshot.joints)
        points = cloud_fusion.points(snapshot, [], self.cell.time_s, lambda _: nullcontext())
        voxels = fuse_voxels(points, self.model.clustering.voxel_m)
        labels = nearest_object(
            voxels.points_m, [(shapes[f'object {n}'], poses[f'object {n}']) for n in names]
        )
        if conditions.coloring != 'own':
            poses_own = [poses[f'object {n}'] for n in names]
            voxels = with_prints(voxels, labels, poses_own, rng)
        return LabelledView(
            voxels,
            labels,
            VisibilityModel.from_snapshot(snapshot, self.model.visibility),
            cloud_fusion.plane,
        )

    def _bodies(self) -> tuple[dict, dict]:
        world = self.cell.world
        bodies = world.objects.bodies
        shapes = world.link_shapes | {f'object {n}': b.shape for n, b in bodies.items()}
        poses = world.link_poses() | {f'object {n}': world.objects.pose(n) for n in bodies}
        return {name: shape for name, shape in shapes.items() if name in poses}, poses

    def _snapshot(
        self, scene: RayScene, coloring: np.ndarray, c: ViewConditions, rng: np.random.Generator
    ) -> Snapshot:
        cell, now_s = self.cell, self.cell.time_s
        camera, scans = None, ()
        sensors = cell.description.config.sensors
        if c.modality != 'lidar':
            config = replace(cell.config.camera, noise=c.camera_noise)
            T = cell.description.fixed_pose(sensors.camera_frame) @ c.T_camera
            camera = DepthCamera(config, T).frame(scene, coloring, now_s, rng)
        if c.modality != 'camera':
            config = replace(cell.config.lidar, noise_m=c.lidar_noise_m)
            lidar = Lidar(config, cell.description.fixed_pose(sensors.lidar_frame) @ c.T_lidar)
            start_s = now_s + rng.uniform(0.0, 100.0)  # of the pattern, which never repeats
            stamps = start_s + SCAN_PERIOD_S * np.arange(c.scans)
            scans = tuple(lidar.scan(scene, stamp_s, rng) for stamp_s in stamps)
        return Snapshot(camera, scans, (None, None), cell.joints(), ())


def nearest_object(points: np.ndarray, bodies: list) -> np.ndarray:
    """The index of the body whose surface each of (N, 3) points lies on, or NOBODY. (N,).

    Args:
        points: world frame.
        bodies: (Shape, T_world_object) pairs.
    """
    if not bodies or not len(points):
        return np.full(len(points), NO_OBJECT)
    scene = o3d.t.geometry.RaycastingScene()
    for shape, T in bodies:
        vertices = np.ascontiguousarray(transform_points(T, shape.vertices_m), np.float32)
        scene.add_triangles(o3d.core.Tensor(vertices), o3d.core.Tensor(shape.triangles))
    closest = scene.compute_closest_points(o3d.core.Tensor(points.astype(np.float32)))
    distance = np.linalg.norm(closest['points'].numpy() - points, axis=1)
    body = closest['geometry_ids'].numpy().astype(int)
    return np.where(distance < MAX_LABEL_DISTANCE_M, body, NO_OBJECT)


def recolor_palette(
    rows: np.ndarray, names: tuple[str, ...], coloring: str, rng: np.random.Generator
) -> np.ndarray:
    """A palette (n + 1, 3) whose objects keep their colours, get new ones, or all look alike."""
    rows = rows.copy()
    common = random_color(rng)
    for index, name in enumerate(names):
        if name.startswith('object ') and coloring == 'random':
            rows[index] = random_color(rng)
        elif name.startswith('object ') and coloring == 'alike':
            rows[index] = np.clip(common + rng.normal(0.0, 0.02, 3), 0.0, 1.0)
    return rows


def random_color(rng: np.random.Generator) -> np.ndarray:
    """Any colour, now and then a grey one. Shape (3,) in [0, 1]."""
    saturation = 0.0 if rng.random() < 0.15 else rng.uniform(0.1, 1.0)
    return np.array(colorsys.hsv_to_rgb(rng.random(), saturation, rng.uniform(0.15, 1.0)))


def with_prints(
    voxels: PointSet, labels: np.ndarray, poses: list[np.ndarray], rng: np.random.Generator
) -> PointSet:
    """Voxels where part of some objects has another colour, as a label has."""
    colors = voxels.colors.copy()
    for index, T in enumerate(poses):
        if rng.random() > PRINT_PROBABILITY:
            continue
        own = labels == index
        direction = Rotation.random(random_state=rng).as_matrix()[0]
        height = (voxels.points_m[own] - T[:3, 3]) @ (T[:3, :3] @ direction)
        wave = np.sin(height * 2.0 * np.pi / rng.uniform(0.03, 0.15) + rng.uniform(0.0, 6.3))
        print_ = wave > rng.uniform(-0.5, 0.8)
        grey = colors[own].mean(axis=1, keepdims=True)
        colors[own] = np.where(print_[:, None], grey * 1.6 * random_color(rng), colors[own])
    colors = np.where(voxels.colored[:, None] > 0.0, np.clip(colors, 0.0, 255.0), voxels.colors)
    return PointSet(voxels.points_m, voxels.sigma_m, colors.astype(np.float32), voxels.colored)


def _displacement(rng: np.random.Generator) -> np.ndarray:
    R = Rotation.from_rotvec(rng.uniform(-MAX_TILT_RAD, MAX_TILT_RAD, 3)).as_matrix()
    return make_transform(R, rng.uniform(-MAX_SHIFT_M, MAX_SHIFT_M, 3))
