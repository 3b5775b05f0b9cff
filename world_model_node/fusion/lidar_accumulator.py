"""World points of the recent LiDAR scans, each of which is transformed and filtered once."""

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


@dataclass(frozen=True)
class _FilteredScan:
    scan: LidarScan
    joints: JointReading | None  # joints of the self filter
    points: PointSet


class LidarAccumulator:
    """The filtered points of the scans in the newest snapshot."""

    def __init__(self, config: WorldModelConfig, robot: RobotView, joints_at: JointsAt) -> None:
        self.config, self.robot, self.joints_at = config, robot, joints_at
        self._filtered: list[_FilteredScan] = []

    def clear(self) -> None:
        """Remove every scan."""
        self._filtered = []

    def points(self, scans: tuple[LidarScan, ...]) -> list[PointSet]:
        """Return the points of each scan inside the workspace without those of the robot."""
        self._filtered = [self._filtered_scan(scan) for scan in scans]
        return [item.points for item in self._filtered]

    def _filtered_scan(self, scan: LidarScan) -> _FilteredScan:
        joints = self.joints_at(scan.stamp_s)  # late readings may change them
        for item in self._filtered:
            if item.scan is scan and _same_joints(
                item.joints, joints, self.config.fusion.same_joints_rad
            ):
                return item
        points = lidar_points(scan, self.config.workspace, self.config.noise)
        return _FilteredScan(
            scan, joints, points[~self.robot.mask_robot_points(points.points_m, joints)]
        )


def _same_joints(
    one: JointReading | None, other: JointReading | None, tolerance_rad: float
) -> bool:
    if one is None or other is None:
        return one is other
    if one.names != other.names:
        return False
    return bool(np.abs(np.subtract(one.position, other.position)).max() < tolerance_rad)
