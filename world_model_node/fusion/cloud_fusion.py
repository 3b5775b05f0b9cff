"""Fuse a snapshot of the sensors into the points of objects, without table and robot."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np

from sakiyomi.sensing import CameraFrame
from world_model_node.config import FusionConfig, WorldModelConfig
from world_model_node.fusion.lidar_accumulator import JointsAt, LidarAccumulator
from world_model_node.fusion.motion_history import MotionHistory
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.points import PointSet, concatenate_points, empty_points
from world_model_node.fusion.range_points import DepthView
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.fusion.support_plane import HORIZONTAL, SupportPlane, blend, fit_support
from world_model_node.fusion.tracked_object import TrackedObject
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.inputs.robot_view import RobotView
from world_model_node.inputs.sensor_inputs import Snapshot

StageTimer = Callable[[str], AbstractContextManager[None]]


class CloudFusion:
    """Fuses snapshots; only the table and the stamps of motion are kept between them."""

    def __init__(self, config: WorldModelConfig, robot: RobotView, joints_at: JointsAt) -> None:
        self.config = config
        self.robot = robot
        self.joints_at = joints_at
        self.lidar_scans = LidarAccumulator(config, robot, joints_at)
        self.reset()

    def reset(self) -> None:
        """Clear the table, the scans and the stamps of motion."""
        self.plane: SupportPlane = HORIZONTAL
        self._has_plane = False
        self.lidar_scans.clear()
        self.motion_history = MotionHistory(self.config.fusion, self.config.tracking)
        self.sensor_observations: tuple[
            SensorObservation, ...
        ] = ()  # observations of the newest frame
        self._observed_s = dict.fromkeys(('camera', 'lidar'), -np.inf)

    def points(
        self,
        snapshot: Snapshot,
        tracks: list[TrackedObject],
        stamp_s: float,
        stage_timer: StageTimer,
    ) -> PointSet:
        """Return the fused points above the table without robot and held objects."""
        self.sensor_observations = ()
        with stage_timer('camera'):
            view = None if snapshot.camera is None else self._view(snapshot.camera)
            table = np.zeros((0, 3), np.float32) if view is None else view.near_table()
        with stage_timer('lidar'):
            lidar, ages_s = self._accumulated_scans(snapshot, stamp_s)
            hand = self.robot.grasp_pose(self.joints_at(stamp_s))
            self.motion_history.update(tracks, hand, stamp_s)
        with stage_timer('support'):
            self._update_plane(np.concatenate([table, lidar.points_m]))
        with stage_timer('lidar'):
            lidar = self._lidar_points(lidar, ages_s, tracks, snapshot, stamp_s)
        with stage_timer('camera'):
            camera = empty_points() if view is None else view.above(self.plane)
            camera = camera[self._is_above(camera)]
        with stage_timer('self_filter'):
            camera = self._camera_points(camera, tracks, snapshot, stamp_s)
        with stage_timer('held'):
            fused = concatenate_points([camera, lidar])
            return remove_held(fused, tracks, self.config.fusion.held_margin_m)

    def _accumulated_scans(
        self, snapshot: Snapshot, stamp_s: float
    ) -> tuple[PointSet, np.ndarray]:
        """Return the points of all scans without the robot, and their ages (N,) [s]."""
        sweeps = self.lidar_scans.points(snapshot.lidar)
        ages_s = [stamp_s - scan.stamp_s for scan in snapshot.lidar]
        return concatenate_points(sweeps), np.repeat(ages_s, [len(sweep) for sweep in sweeps])

    def _lidar_points(
        self,
        lidar: PointSet,
        ages_s: np.ndarray,
        tracks: list[TrackedObject],
        snapshot: Snapshot,
        stamp_s: float,
    ) -> PointSet:
        """Return the LiDAR points above the table that are up to date."""
        high = np.flatnonzero(self._is_above(lidar))
        newest = high[ages_s[high] <= ages_s.min(initial=np.inf)]
        swept_m = lidar.points_m[newest]
        self._add_observation(
            'lidar', stamp_s - ages_s.min(initial=np.inf), stamp_s, lambda: swept_m
        )
        return self._still_present(lidar[high], ages_s[high], tracks, snapshot, stamp_s)

    def _camera_points(
        self, camera: PointSet, tracks: list[TrackedObject], snapshot: Snapshot, stamp_s: float
    ) -> PointSet:
        """Return the camera points without the robot, compensated for motion."""
        self._add_intermediate_frames(snapshot, stamp_s)
        if snapshot.camera is not None:
            camera = self._without_robot(camera, snapshot.camera)
            shown_m = camera.points_m
            self._add_observation('camera', snapshot.camera.stamp_s, stamp_s, lambda: shown_m)
        return self._motion_compensated(camera, snapshot, tracks)

    def _add_observation(
        self, stream: str, taken_s: float, stamp_s: float, seen: Callable[[], np.ndarray]
    ) -> None:
        """Add an observation unless an earlier frame already had it."""
        if taken_s > self._observed_s[stream]:
            self._observed_s[stream] = taken_s
            self.sensor_observations += (SensorObservation(stream, stamp_s - taken_s, seen),)

    def _add_intermediate_frames(self, snapshot: Snapshot, stamp_s: float) -> None:
        """Add the camera frames since the last processed one, if the snapshot has a newer one.

        Frames of a moving camera are left out, because their surfaces cannot be compared.
        """
        since_s, newest = self._observed_s['camera'], snapshot.camera
        if newest is None or newest.stamp_s <= since_s:
            return
        atol = self.config.fusion.static_camera_tolerance
        self.sensor_observations += tuple(
            SensorObservation(
                'camera', stamp_s - frame.stamp_s, partial(self._object_points_in, frame)
            )
            for frame in snapshot.intermediate_frames
            if frame.stamp_s >= since_s
            and np.allclose(frame.T_world_camera, newest.T_world_camera, rtol=0.0, atol=atol)
        )

    def _object_points_in(self, frame: CameraFrame) -> np.ndarray:
        """Return the points (N, 3) of objects in an intermediate frame."""
        points = self._view(frame).above(self.plane)
        return self._without_robot(points[self._is_above(points)], frame).points_m

    def _view(self, frame: CameraFrame) -> DepthView:
        return DepthView(frame, self.config.workspace, self.config.noise)

    def _still_present(
        self,
        points: PointSet,
        ages_s: np.ndarray,
        tracks: list[TrackedObject],
        snapshot: Snapshot,
        stamp_s: float,
    ) -> PointSet:
        """Return the LiDAR points, with ages (N,), of surfaces that are still present."""
        newest = ages_s <= ages_s.min(initial=np.inf)
        seen_m, taken_s = points.points_m, stamp_s - ages_s
        moving = [t for t in tracks if t.held or t.is_moving()]
        points, still = compensate_motion(points, ages_s, newest, moving, self.config.fusion)
        still &= newest | ~self.motion_history.is_outdated(seen_m, taken_s, tracks)
        if snapshot.camera is None:
            return points[still]
        # a camera frame later than the newest scan tests that too, because objects may be falling
        camera_age_s = snapshot.stamp_s - snapshot.camera.stamp_s
        older = np.flatnonzero(still & (ages_s > camera_age_s + self.config.fusion.simultaneous_s))
        visibility = VisibilityModel.from_snapshot(snapshot, self.config.visibility)
        margin_m = 2.0 * self.config.visibility.margin_m
        still[older] = ~visibility.free_space_mask(points.points_m[older], margin_m)
        return points[still]

    def _motion_compensated(
        self, camera: PointSet, snapshot: Snapshot, tracks: list[TrackedObject]
    ) -> PointSet:
        """Return the camera points, those of moving objects shifted to the snapshot's stamp."""
        if snapshot.camera is None:
            return camera
        age_s = snapshot.stamp_s - snapshot.camera.stamp_s
        moving = [t for t in tracks if t.held or t.is_moving()]
        if age_s < self.config.fusion.simultaneous_s or not moving:
            return camera
        ages_s, newest = np.full(len(camera), age_s), np.ones(len(camera), bool)
        return compensate_motion(camera, ages_s, newest, moving, self.config.fusion)[0]

    def _update_plane(self, points: np.ndarray) -> None:
        previous = self.plane
        current = fit_support(points, self.config.workspace, previous)
        if current is not previous:
            weight = self.config.workspace.table_blend_weight if self._has_plane else 1.0
            self.plane = blend(previous, current, weight)
            self._has_plane = True

    def _is_above(self, points: PointSet) -> np.ndarray:
        w = self.config.workspace
        min_height = np.maximum(w.min_height_m, w.min_height_sigmas * points.sigma_m)
        return self.plane.height_of(points.points_m) > min_height

    def _without_robot(self, points: PointSet, frame: CameraFrame) -> PointSet:
        if not len(points):
            return points
        joints = self.joints_at(frame.stamp_s)
        return points[~self.robot.mask_robot_points(points.points_m, joints)]


def compensate_motion(
    points: PointSet,
    ages_s: np.ndarray,
    newest: np.ndarray,
    moving: list[TrackedObject],
    config: FusionConfig,
) -> tuple[PointSet, np.ndarray]:
    """Shift the points of moving objects to the present; return them and a mask (N,) to keep.

    The mask keeps only the `newest` (N,) points of a moving object.
    """
    margin_m = config.moving_margin_m
    shifted, keep = points.points_m, np.ones(len(points), bool)
    for track in moving:
        surface = track.world_points()
        shift = (ages_s[:, None] * track.velocity_mps).astype(np.float32)
        now = points.points_m + shift
        low, high = surface.min(axis=0) - margin_m, surface.max(axis=0) + margin_m
        inside = ((now > low) & (now < high)).all(axis=1)
        shifted = np.where(inside[:, None], shifted + shift, shifted)
        keep &= ~inside | newest
    return PointSet(shifted, points.sigma_m, points.colors, points.colored), keep


def remove_held(points: PointSet, tracks: list[TrackedObject], margin_m: float) -> PointSet:
    """Remove the points within the margin of held objects."""
    for track in tracks:
        if track.held and len(points):
            grid = PointGrid(track.world_points(), margin_m)
            distance, _ = grid.nearest(points.points_m, margin_m)
            points = points[~np.isfinite(distance)]
    return points
