"""World points of the recent LiDAR scans: each is turned, cropped and freed of the robot once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sakiyomi.sensing import JointReading, LidarScan
from world_model_node.config import WorldModelConfig
from world_model_node.fusion.points import PointSet
from world_model_node.fusion.range_points import lidar_points
from world_model_node.inputs.robot_view import RobotView

JointsAt = Callable[[float], JointReading | None]
SAME_JOINTS_RAD = 1e-3  # joints that came late may put the arm elsewhere than it seemed to be


@dataclass(frozen=True)
class _FilteredScan:
    scan: LidarScan
    joints: JointReading | None  # that the robot was taken out with
    points: PointSet


class LidarAccumulator:
    """Points of the scans in view; those that have left the view are forgotten."""

    def __init__(self, config: WorldModelConfig, robot: RobotView, joints_at: JointsAt) -> None:
        self.config, self.robot, self.joints_at = config, robot, joints_at
        self._filtered: list[_FilteredScan] = []

    def clear(self) -> None:
        """Forget every scan."""
        self._filtered = []

    def points(self, scans: tuple[LidarScan, ...]) -> list[PointSet]:
        """The points of each scan inside the workspace that are not the robot's."""
        self._filtered = [self._filtered_scan(scan) for scan in scans]
        return [item.points for item in self._filtered]

    def _filtered_scan(self, scan: LidarScan) -> _FilteredScan:
        joints = self.joints_at(scan.stamp_s)
        for item in self._filtered:
            if item.scan is scan and _same_joints(item.joints, joints):
                return item
        points = lidar_points(scan, self.config.workspace, self.config.noise)
        return _FilteredScan(
            scan, joints, points[~self.robot.mask_robot_points(points.points_m, joints)]
        )


def _same_joints(one: JointReading | None, other: JointReading | None) -> bool:
    if one is None or other is None:
        return one is other
    if one.names != other.names:
        return False
    return bool(np.abs(np.subtract(one.position, other.position)).max() < SAME_JOINTS_RAD)
