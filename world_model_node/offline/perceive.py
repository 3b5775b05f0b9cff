"""The world model perceives recorded images or point clouds without a robot.

If the sensor's pose is unknown, the detected support plane becomes z = 0 of the world frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import inverse, transform_points
from sakiyomi.scene import Scene
from sakiyomi.sensing import CameraFrame, LidarScan
from world_model_node.config import WorkspaceConfig, WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.inputs.validation import check_camera, check_rows
from world_model_node.offline.alignment import (
    AlignmentConfig,
    align_to_support,
    workspace_around,
)


@dataclass(frozen=True)
class OfflineConfig:
    """The alignment of a recording with its support plane."""

    min_points: int = 200  # fewest points of the first view
    num_workspace_views: int = 4  # views that determine the workspace
    plane_stride: int = 2  # every nth pixel and row is used to find the plane
    start_s: float = 1.0  # stamp of the first view in the world model
    alignment: AlignmentConfig = field(default=AlignmentConfig())


@dataclass(frozen=True)
class RecordedView:
    """One image or cloud of a recording in the sensor's frame."""

    stamp_s: float
    depth_m: np.ndarray | None = None  # (H, W) float32, 0 if there is no return
    color: np.ndarray | None = None  # (H, W, 3) uint8 RGB
    intrinsics: np.ndarray | None = None  # (3, 3) of a depth image
    points_m: np.ndarray | None = None  # (N, 3) float32 of a cloud
    T_root_sensor: np.ndarray | None = None  # (4, 4) in the recording's root frame, if known

    @property
    def optical(self) -> bool:
        """Return whether the frame is a camera's, with z forward and y down."""
        return self.depth_m is not None

    def points(self, stride: int = 1) -> np.ndarray:
        """Return the points (N, 3) of every nth pixel and row in the sensor's frame."""
        if self.depth_m is None:
            return self.points_m
        v, u = np.nonzero(self.depth_m[::stride, ::stride] > 0.0)
        v, u, K = v * stride, u * stride, self.intrinsics
        z = self.depth_m[v, u]
        x, y = (u - K[0, 2]) / K[0, 0] * z, (v - K[1, 2]) / K[1, 1] * z
        return np.stack([x, y, z], axis=1).astype(np.float32)


@dataclass(frozen=True)
class PerceptionResult:
    """The scene of a recording."""

    scene: Scene
    T_world_sensor: np.ndarray  # (4, 4) pose of the last view
    workspace: WorkspaceConfig
    frames: int
    stage_ms: dict[str, float]  # durations of the last update
    picture: CameraFrame | None  # the last view, if it has colour
    T_root_world: np.ndarray | None = None  # (4, 4) to the recording's root frame, if known


def perceive(
    views: Sequence[RecordedView],
    T_world_sensor: np.ndarray | None = None,
    config: WorldModelConfig | None = None,
    offline: OfflineConfig | None = None,
) -> PerceptionResult:
    """Track the objects through all views of a sensor, which is static unless its poses are known.

    Args:
        views: the views in order.
        T_world_sensor: the pose (4, 4) of the first view, or None for the support plane.
        config: the configuration of the world model, or None for the default.
        offline: the configuration of the alignment, or None for the default.

    Raises:
        BadInputError: there is no view, or a view is malformed.
        WorkFailedError: no support plane was found, or no object stands on it.
    """
    offline = offline or OfflineConfig()
    poses, model = _begin(views, T_world_sensor, config, offline)
    scene = deque(_scenes(views, poses, model, offline.start_s), maxlen=1).pop()
    last, T = views[-1], poses[-1]
    picture = _camera_frame(last, offline.start_s, T) if last.color is not None else None
    T_root_world = None if last.T_root_sensor is None else last.T_root_sensor @ inverse(T)
    workspace, stage_ms = model.config.workspace, dict(model.stage_ms)
    return PerceptionResult(scene, T, workspace, len(views), stage_ms, picture, T_root_world)


def track_views(
    views: Sequence[RecordedView], config: WorldModelConfig | None = None
) -> Iterator[Scene]:
    """Yield the scene after every view; the errors are those of `perceive`."""
    offline = OfflineConfig()
    poses, model = _begin(views, None, config, offline)
    yield from _scenes(views, poses, model, offline.start_s)


def _begin(
    views: Sequence[RecordedView],
    T_world_sensor: np.ndarray | None,
    config: WorldModelConfig | None,
    offline: OfflineConfig,
) -> tuple[list[np.ndarray], WorldModel]:
    """Return T_world_sensor of every view, and a world model with the workspace of the views."""
    if not views:
        raise BadInputError('recording: got no image and no cloud, expected at least one')
    for view in views:
        check_view(view)
    points = views[0].points(offline.plane_stride)
    if len(points) < offline.min_points:
        expected = f'expected {offline.min_points} or more'
        raise BadInputError(f'first view: got {len(points)} points, {expected}')
    T = T_world_sensor
    if T is None:
        T = align_to_support(points, views[0].optical, offline.alignment)
    poses = _poses(views, T)
    workspace = _workspace(views, poses, offline)
    return poses, WorldModel(replace(config or WorldModelConfig(), workspace=workspace))


def _scenes(
    views: Sequence[RecordedView], poses: Sequence[np.ndarray], model: WorldModel, start_s: float
) -> Iterator[Scene]:
    for stamp_s, view, T in zip(_stamps(views, start_s), views, poses, strict=True):
        _add_view(model, view, stamp_s, T)
        yield model.update(stamp_s)


def _poses(views: Sequence[RecordedView], T_world_first: np.ndarray) -> list[np.ndarray]:
    """Return T_world_sensor of every view; unknown poses equal that of the first view."""
    known = [view.T_root_sensor for view in views]
    if any(T is None for T in known):
        return [T_world_first] * len(views)
    T_world_root = T_world_first @ inverse(known[0])
    return [T_world_root @ T for T in known]


def _workspace(
    views: Sequence[RecordedView], poses: Sequence[np.ndarray], offline: OfflineConfig
) -> WorkspaceConfig:
    """Compute the workspace around the objects in a subsample of the views."""
    few = range(0, len(views), -(-len(views) // offline.num_workspace_views))
    seen = [transform_points(poses[i], views[i].points(offline.plane_stride)) for i in few]
    return workspace_around(np.concatenate(seen), np.eye(4), offline.alignment)


def check_view(view: RecordedView) -> None:
    """Raise BadInputError unless the view is an image with intrinsics, or a cloud."""
    if view.depth_m is None:
        check_rows('points', view.points_m, 3, finite=False)
        return
    color = view.color if view.color is not None else _grey(view.depth_m)
    check_camera(CameraFrame(0.0, color, view.depth_m, view.intrinsics, np.eye(4)))


def _add_view(model: WorldModel, view: RecordedView, stamp_s: float, T: np.ndarray) -> None:
    """Add a view; an image without colour is added as a cloud, because grey is a colour too."""
    if view.color is not None:
        model.add_camera(_camera_frame(view, stamp_s, T))
    else:
        model.add_lidar(LidarScan(stamp_s, view.points(), T))


def _camera_frame(view: RecordedView, stamp_s: float, T: np.ndarray) -> CameraFrame:
    return CameraFrame(stamp_s, view.color, view.depth_m, view.intrinsics, T)


def _stamps(views: Sequence[RecordedView], start_s: float) -> list[float]:
    """Return increasing stamps with the recorded intervals, bounded to 0.01 to 0.4 s."""
    gaps = np.diff([view.stamp_s for view in views])
    steps = np.clip(np.where(gaps > 0.0, gaps, 0.1), 0.01, 0.4)
    return [start_s, *(start_s + np.cumsum(steps)).tolist()]


def _grey(depth_m: np.ndarray) -> np.ndarray:
    return np.full((*np.shape(depth_m), 3), 128, np.uint8)


def surface_points(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Return the points (N, 3) of all objects in the world frame, and the object ids (N,)."""
    points = [transform_points(o.T_world_object, o.points_m) for o in scene.objects]
    ids = [np.full(len(p), o.id) for p, o in zip(points, scene.objects, strict=True)]
    return (
        np.concatenate([np.zeros((0, 3), np.float32), *points]),
        np.concatenate([np.zeros(0, int), *ids]),
    )
