"""Look at recorded pictures or point clouds: the world model's core, with no robot and no table.

Where the sensor's pose is not given, the support plane is found and becomes the world's floor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import inverse, transform_points
from sakiyomi.scene import Scene
from sakiyomi.sensing import CameraFrame, LidarScan
from world_model_node.config import WorkspaceConfig, WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.inputs.validation import check_camera, check_rows
from world_model_node.offline.alignment import align_to_support, workspace_around

MIN_POINTS = 200
NUM_MEASURED_VIEWS = 4  # for the extent of the scene
PLANE_STRIDE = 2  # every second pixel is enough to find the plane
START_S = 1.0  # recordings begin here, whatever their clock said


@dataclass(frozen=True)
class RecordedView:
    """One picture or cloud of a file, in the sensor's own frame."""

    stamp_s: float
    depth_m: np.ndarray | None = None  # (H, W) float32, 0 where there is none
    color: np.ndarray | None = None  # (H, W, 3) uint8 RGB
    intrinsics: np.ndarray | None = None  # (3, 3), with depth
    points_m: np.ndarray | None = None  # (N, 3) float32, without depth
    T_root_sensor: np.ndarray | None = None  # (4, 4) in the recording's own root frame, if known

    @property
    def optical(self) -> bool:
        """Whether the frame is a camera's: z forward, y down."""
        return self.depth_m is not None

    def points(self, stride: int = 1) -> np.ndarray:
        """All points (N, 3) in the sensor's frame."""
        if self.depth_m is None:
            return self.points_m
        v, u = np.nonzero(self.depth_m[::stride, ::stride] > 0.0)
        v, u, K = v * stride, u * stride, self.intrinsics
        z = self.depth_m[v, u]
        x, y = (u - K[0, 2]) / K[0, 0] * z, (v - K[1, 2]) / K[1, 1] * z
        return np.stack([x, y, z], axis=1).astype(np.float32)


@dataclass(frozen=True)
class PerceptionResult:
    """What was found in a recording."""

    scene: Scene
    T_world_sensor: np.ndarray  # (4, 4) of the last view
    workspace: WorkspaceConfig
    frames: int
    stage_ms: dict[str, float]  # of the last frame
    picture: CameraFrame | None  # the last one, where there is colour
    T_root_world: np.ndarray | None = None  # (4, 4) into the recording's own root frame, if known


def perceive(
    views: Sequence[RecordedView],
    T_world_sensor: np.ndarray | None = None,
    config: WorldModelConfig | None = None,
) -> PerceptionResult:
    """Track the objects through all views of a sensor: a still one, unless its poses are known.

    Raises:
        BadInputError: no view, or one that cannot be used.
        WorkFailedError: no support plane was found, or nothing stands on it.
    """
    poses, model = _begin(views, T_world_sensor, config)
    scene = deque(_scenes(views, poses, model), maxlen=1).pop()
    last, T = views[-1], poses[-1]
    picture = _camera_frame(last, START_S, T) if last.color is not None else None
    T_root_world = None if last.T_root_sensor is None else last.T_root_sensor @ inverse(T)
    workspace, stage_ms = model.config.workspace, dict(model.stage_ms)
    return PerceptionResult(scene, T, workspace, len(views), stage_ms, picture, T_root_world)


def track_views(
    views: Sequence[RecordedView], config: WorldModelConfig | None = None
) -> Iterator[Scene]:
    """The scene after every view, as `perceive` tracks it; raises what that does."""
    poses, model = _begin(views, None, config)
    yield from _scenes(views, poses, model)


def _begin(
    views: Sequence[RecordedView],
    T_world_sensor: np.ndarray | None,
    config: WorldModelConfig | None,
) -> tuple[list[np.ndarray], WorldModel]:
    """`T_world_sensor` of every view, and a world model whose workspace holds what they show."""
    if not views:
        raise BadInputError('recording: got no picture and no cloud, expected at least one')
    for view in views:
        check_view(view)
    points = views[0].points(PLANE_STRIDE)
    if len(points) < MIN_POINTS:
        raise BadInputError(f'first view: got {len(points)} points, expected {MIN_POINTS} or more')
    T = align_to_support(points, views[0].optical) if T_world_sensor is None else T_world_sensor
    poses = _poses(views, T)
    workspace = _workspace(views, poses)
    return poses, WorldModel(replace(config or WorldModelConfig(), workspace=workspace))


def _scenes(
    views: Sequence[RecordedView], poses: Sequence[np.ndarray], model: WorldModel
) -> Iterator[Scene]:
    for stamp_s, view, T in zip(_stamps(views), views, poses, strict=True):
        _add_view(model, view, stamp_s, T)
        yield model.update(stamp_s)


def _poses(views: Sequence[RecordedView], T_world_first: np.ndarray) -> list[np.ndarray]:
    """`T_world_sensor` of every view; that of the first where the recording does not say."""
    known = [view.T_root_sensor for view in views]
    if any(T is None for T in known):
        return [T_world_first] * len(views)
    T_world_root = T_world_first @ inverse(known[0])
    return [T_world_root @ T for T in known]


def _workspace(views: Sequence[RecordedView], poses: Sequence[np.ndarray]) -> WorkspaceConfig:
    """What holds everything that stands in some of the views."""
    few = range(0, len(views), -(-len(views) // NUM_MEASURED_VIEWS))
    seen = [transform_points(poses[i], views[i].points(PLANE_STRIDE)) for i in few]
    return workspace_around(np.concatenate(seen), np.eye(4))


def check_view(view: RecordedView) -> None:
    """Raise BadInputError unless the view is a picture with intrinsics, or points."""
    if view.depth_m is None:
        check_rows('points', view.points_m, 3, finite=False)
        return
    color = view.color if view.color is not None else _grey(view.depth_m)
    check_camera(CameraFrame(0.0, color, view.depth_m, view.intrinsics, np.eye(4)))


def _add_view(model: WorldModel, view: RecordedView, stamp_s: float, T: np.ndarray) -> None:
    """Pictures without colour are fed as points: one grey for all would say "one colour"."""
    if view.color is not None:
        model.add_camera(_camera_frame(view, stamp_s, T))
    else:
        model.add_lidar(LidarScan(stamp_s, view.points(), T))


def _camera_frame(view: RecordedView, stamp_s: float, T: np.ndarray) -> CameraFrame:
    return CameraFrame(stamp_s, view.color, view.depth_m, view.intrinsics, T)


def _stamps(views: Sequence[RecordedView]) -> list[float]:
    """From START_S up, as far apart as recorded but never the same and never backwards."""
    gaps = np.diff([view.stamp_s for view in views])
    steps = np.clip(np.where(gaps > 0.0, gaps, 0.1), 0.01, 0.4)
    return [START_S, *(START_S + np.cumsum(steps)).tolist()]


def _grey(depth_m: np.ndarray) -> np.ndarray:
    return np.full((*np.shape(depth_m), 3), 128, np.uint8)


def surface_points(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """All objects' points (N, 3) in the world frame, and the id of each point's object (N,)."""
    points = [transform_points(o.T_world_object, o.points_m) for o in scene.objects]
    ids = [np.full(len(p), o.id) for p, o in zip(points, scene.objects, strict=True)]
    return (
        np.concatenate([np.zeros((0, 3), np.float32), *points]),
        np.concatenate([np.zeros(0, int), *ids]),
    )
