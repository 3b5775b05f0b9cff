"""From a snapshot of the sensors to the points of objects: table, robot and ghosts removed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
from scipy.spatial import cKDTree

from sakiyomi.sensing import JointReading
from world_model_node.config import WorldModelConfig
from world_model_node.fusion import DepthView, lidar_points
from world_model_node.inputs import Snapshot
from world_model_node.points import PointSet, joined, no_points
from world_model_node.robot_view import RobotView
from world_model_node.support import LEVEL, SupportPlane, blend, fit_support
from world_model_node.track import Track
from world_model_node.visibility import Sight

Stage = Callable[[str], AbstractContextManager[None]]
JointsAt = Callable[[float], JointReading | None]
NEAR_TRACK_M = 0.02  # a point this near a moving object's box belongs to it
NEAR_HELD_M = 0.012  # and this near a held object's surface to that
TABLE_BLEND = 0.3  # of each new table estimate


class Scanner:
    """Remembers the table; everything else comes from the snapshot."""

    def __init__(self, config: WorldModelConfig, robot: RobotView, joints_at: JointsAt) -> None:
        self.config = config
        self.robot = robot
        self.joints_at = joints_at
        self.reset()

    def reset(self) -> None:
        """Forget the table."""
        self.plane: SupportPlane = LEVEL
        self._has_plane = False

    def points(
        self, snapshot: Snapshot, tracks: list[Track], stamp_s: float, stage: Stage
    ) -> PointSet:
        """The fused points above the table that are neither robot nor held object."""
        with stage('camera'):
            view = self._view(snapshot)
            table = no_points() if view is None else view.sparse()
        with stage('lidar'):
            scans = self._lidar(snapshot, tracks, stamp_s)
        with stage('support'):
            self._fit_table([table, *scans])
            scans = [self._above(s) for s in scans]
        with stage('camera'):
            camera = no_points() if view is None else self._above(view.above(self.plane))
        with stage('self_filter'):
            kept = [self._without_robot(camera, snapshot.camera)]
            kept += [
                self._without_robot(s, scan) for s, scan in zip(scans, snapshot.lidar, strict=True)
            ]
        with stage('held'):
            return without_held(joined(kept), tracks)

    def _view(self, snapshot: Snapshot) -> DepthView | None:
        if snapshot.camera is None:
            return None
        return DepthView(snapshot.camera, self.config.workspace, self.config.noise)

    def _lidar(self, snapshot: Snapshot, tracks: list[Track], stamp_s: float) -> list[PointSet]:
        """One set per scan; older ones lose what has moved since."""
        moving = [t for t in tracks if t.held or t.moving()]
        sets, sight = [], Sight.of(snapshot)
        for scan in snapshot.lidar:
            points = lidar_points(scan, self.config.workspace, self.config.noise)
            newest = scan is snapshot.lidar[-1]
            points = _on_time(points, moving, stamp_s - scan.stamp_s, newest)
            if not newest:
                points = points[~sight.through(points.points_m)]
            sets.append(points)
        return sets

    def _fit_table(self, sets: list[PointSet]) -> None:
        previous = self.plane
        points = np.concatenate([s.points_m for s in sets])
        current = fit_support(points, self.config.workspace, previous)
        if current is not previous:
            self.plane = blend(previous, current, TABLE_BLEND if self._has_plane else 1.0)
            self._has_plane = True

    def _above(self, points: PointSet) -> PointSet:
        w = self.config.workspace
        least = np.maximum(w.min_height_m, w.min_height_sigmas * points.sigma_m)
        return points[self.plane.height_of(points.points_m) > least]

    def _without_robot(self, points: PointSet, reading: object | None) -> PointSet:
        if reading is None or not len(points):
            return points
        joints = self.joints_at(reading.stamp_s)
        return points[~self.robot.covers(points.points_m, joints)]


def _on_time(points: PointSet, moving: list[Track], age_s: float, newest: bool) -> PointSet:
    """Points of moving objects: brought to the present in the newest scan, else dropped."""
    shifted, keep = points.points_m.copy(), np.ones(len(points), bool)
    for track in moving:
        shift = (age_s * track.filter.velocity_mps).astype(np.float32)
        surface = track.world_points()
        low = surface.min(axis=0) - shift - NEAR_TRACK_M
        high = surface.max(axis=0) - shift + NEAR_TRACK_M
        inside = ((points.points_m > low) & (points.points_m < high)).all(axis=1)
        shifted[inside] += shift
        keep &= ~inside | newest
    return PointSet(shifted, points.sigma_m, points.colors, points.colored)[keep]


def without_held(points: PointSet, tracks: list[Track]) -> PointSet:
    """The points that are not of an object in the hand."""
    for track in tracks:
        if track.held and len(points):
            distance, _ = cKDTree(track.world_points()).query(
                points.points_m, distance_upper_bound=NEAR_HELD_M
            )
            points = points[~np.isfinite(distance)]
    return points
