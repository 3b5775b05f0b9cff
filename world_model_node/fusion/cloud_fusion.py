"""From a snapshot of the sensors to the points of objects: table, robot and ghosts removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

import numpy as np

from sakiyomi.sensing import CameraFrame
from world_model_node.config import WorldModelConfig
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
TRACK_MARGIN_M = 0.02  # a point this near a moving object's box belongs to it
HELD_MARGIN_M = 0.012  # and this near a held object's surface to that
SIMULTANEOUS_S = 0.005
# [m] and about [rad] that a camera moves between frames that are compared
STATIC_CAMERA_TOLERANCE = 0.003
PLANE_BLEND_WEIGHT = 0.3  # of each new table estimate


class CloudFusion:
    """Remembers the table; everything else comes from the snapshot."""

    def __init__(self, config: WorldModelConfig, robot: RobotView, joints_at: JointsAt) -> None:
        self.config = config
        self.robot = robot
        self.joints_at = joints_at
        self.lidar_scans = LidarAccumulator(config, robot, joints_at)
        self.reset()

    def reset(self) -> None:
        """Forget the table and the scans."""
        self.plane: SupportPlane = HORIZONTAL
        self._has_plane = False
        self.lidar_scans.clear()
        self.motion_history = MotionHistory()
        self.sensor_observations: tuple[SensorObservation, ...] = ()  # of the newest frame
        self._observed_s = dict.fromkeys(('camera', 'lidar'), -np.inf)

    def points(
        self,
        snapshot: Snapshot,
        tracks: list[TrackedObject],
        stamp_s: float,
        stage_timer: StageTimer,
    ) -> PointSet:
        """The fused points above the table that are neither robot nor held object."""
        self.sensor_observations = ()
        with stage_timer('camera'):
            view = None if snapshot.camera is None else self._view(snapshot.camera)
            table = np.zeros((0, 3), np.float32) if view is None else view.near_table()
        with stage_timer('lidar'):
            sweeps = self.lidar_scans.points(snapshot.lidar)
            lidar = concatenate_points(sweeps)
            ages_s = [stamp_s - scan.stamp_s for scan in snapshot.lidar]
            ages_s = np.repeat(ages_s, [len(sweep) for sweep in sweeps])
            self.motion_history.update(
                tracks, self.robot.grasp_pose(self.joints_at(stamp_s)), stamp_s
            )
        with stage_timer('support'):
            self._update_plane(np.concatenate([table, lidar.points_m]))
        with stage_timer('lidar'):
            high = np.flatnonzero(self._is_above(lidar))
            newest = high[ages_s[high] <= ages_s.min(initial=np.inf)]
            swept_m = lidar.points_m[newest]
            self._add_observation(
                'lidar', stamp_s - ages_s.min(initial=np.inf), stamp_s, lambda: swept_m
            )
            lidar = self._still_present(lidar[high], ages_s[high], tracks, snapshot, stamp_s)
        with stage_timer('camera'):
            camera = empty_points() if view is None else view.above(self.plane)
            camera = camera[self._is_above(camera)]
        with stage_timer('self_filter'):
            self._add_intermediate_frames(snapshot, stamp_s)
            if snapshot.camera is not None:
                camera = self._without_robot(camera, snapshot.camera)
                shown_m = camera.points_m
                self._add_observation('camera', snapshot.camera.stamp_s, stamp_s, lambda: shown_m)
            camera = self._motion_compensated(camera, snapshot, tracks)
        with stage_timer('held'):
            return remove_held(concatenate_points([camera, lidar]), tracks)

    def _add_observation(
        self, stream: str, taken_s: float, stamp_s: float, seen: Callable[[], np.ndarray]
    ) -> None:
        """Note what a sensor sees, unless it was there to be seen in an earlier frame."""
        if taken_s > self._observed_s[stream]:
            self._observed_s[stream] = taken_s
            self.sensor_observations += (SensorObservation(stream, stamp_s - taken_s, seen),)

    def _add_intermediate_frames(self, snapshot: Snapshot, stamp_s: float) -> None:
        """Note the camera's frames from that of the last frame on, if this frame has a newer one.

        A camera that moves shows other sides from frame to frame, which cannot be compared.
        """
        since_s, newest = self._observed_s['camera'], snapshot.camera
        if newest is None or newest.stamp_s <= since_s:
            return
        self.sensor_observations += tuple(
            SensorObservation(
                'camera', stamp_s - frame.stamp_s, partial(self._object_points_in, frame)
            )
            for frame in snapshot.intermediate_frames
            if frame.stamp_s >= since_s
            and np.allclose(
                frame.T_world_camera, newest.T_world_camera, rtol=0.0, atol=STATIC_CAMERA_TOLERANCE
            )
        )

    def _object_points_in(self, frame: CameraFrame) -> np.ndarray:
        """The points (N, 3) of objects in a frame between two frames."""
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
        """The points (N,) of sweeps of some ages (N,) of what is still there."""
        newest = ages_s <= ages_s.min(initial=np.inf)
        seen_m, taken_s = points.points_m, stamp_s - ages_s
        moving = [t for t in tracks if t.held or t.is_moving()]
        points, still = compensate_motion(points, ages_s, newest, moving)
        still &= newest | ~self.motion_history.is_outdated(seen_m, taken_s, tracks)
        if snapshot.camera is None:
            return points[still]
        # the newest sweep too, if the camera looked later: what falls is soon 0.1 m lower
        before = ages_s > snapshot.stamp_s - snapshot.camera.stamp_s + SIMULTANEOUS_S
        older = np.flatnonzero(still & before)
        still[older] = ~VisibilityModel.from_snapshot(snapshot).free_space_mask(
            points.points_m[older]
        )
        return points[still]

    @staticmethod
    def _motion_compensated(
        camera: PointSet, snapshot: Snapshot, tracks: list[TrackedObject]
    ) -> PointSet:
        """The camera's points, those of moving objects where a later sweep found them."""
        if snapshot.camera is None:
            return camera
        age_s = snapshot.stamp_s - snapshot.camera.stamp_s
        moving = [t for t in tracks if t.held or t.is_moving()]
        if age_s < SIMULTANEOUS_S or not moving:
            return camera
        ages_s, newest = np.full(len(camera), age_s), np.ones(len(camera), bool)
        return compensate_motion(camera, ages_s, newest, moving)[0]

    def _update_plane(self, points: np.ndarray) -> None:
        previous = self.plane
        current = fit_support(points, self.config.workspace, previous)
        if current is not previous:
            self.plane = blend(previous, current, PLANE_BLEND_WEIGHT if self._has_plane else 1.0)
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
    points: PointSet, ages_s: np.ndarray, newest: np.ndarray, moving: list[TrackedObject]
) -> tuple[PointSet, np.ndarray]:
    """Points of moving objects brought to the present, and which (N,) of all points to keep.

    Only the `newest` (N,) of a moving object are worth keeping.
    """
    shifted, keep = points.points_m, np.ones(len(points), bool)
    for track in moving:
        surface = track.world_points()
        shift = (ages_s[:, None] * track.velocity_mps).astype(np.float32)
        now = points.points_m + shift
        low, high = surface.min(axis=0) - TRACK_MARGIN_M, surface.max(axis=0) + TRACK_MARGIN_M
        inside = ((now > low) & (now < high)).all(axis=1)
        shifted = np.where(inside[:, None], shifted + shift, shifted)
        keep &= ~inside | newest
    return PointSet(shifted, points.sigma_m, points.colors, points.colored), keep


def remove_held(points: PointSet, tracks: list[TrackedObject]) -> PointSet:
    """The points that are not of an object in the hand."""
    for track in tracks:
        if track.held and len(points):
            grid = PointGrid(track.world_points(), HELD_MARGIN_M)
            distance, _ = grid.nearest(points.points_m, HELD_MARGIN_M)
            points = points[~np.isfinite(distance)]
    return points
