"""What the simulation publishes and takes, between the core's types and messages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sensor_msgs.msg import CameraInfo, Image, PointCloud2

from sakiyomi.sensing import CameraFrame, LidarScan, TactileReading
from sakiyomi_interfaces.msg import HiddenProperties, ObjectState, ObjectStateArray
from sakiyomi_ros.messages.beliefs import WORLD
from sakiyomi_ros.messages.conversions import header, to_point, to_pose, to_twist
from sakiyomi_ros.messages.images import to_camera_info, to_depth_image, to_image
from sakiyomi_ros.messages.point_clouds import to_cloud, to_xyz_cloud
from simulation_node.objects.object_files import TrueObject


def camera_messages(frame: CameraFrame, frame_id: str) -> tuple[Image, Image, CameraInfo]:
    """The colour picture, the depth picture [mm] and the intrinsics."""
    height, width = frame.depth_m.shape
    return (
        to_image(frame.color, 'rgb8', frame.stamp_s, frame_id),
        to_depth_image(frame.depth_m, frame.stamp_s, frame_id),
        to_camera_info(frame.intrinsics, width, height, frame.stamp_s, frame_id),
    )


def lidar_message(scan: LidarScan, frame_id: str) -> PointCloud2:
    """The points, with an intensity that falls with the range."""
    ranges = np.linalg.norm(scan.points_m, axis=1)
    columns = dict(zip('xyz', scan.points_m.T, strict=True))
    return to_cloud(columns | {'intensity': 1.0 / (1.0 + ranges)}, scan.stamp_s, frame_id)


def tactile_message(reading: TactileReading, frame_id: str) -> PointCloud2:
    """Taxel positions and the forces on them, in the pad's frame."""
    columns = dict(zip('xyz', reading.points_m.T, strict=True))
    columns |= dict(zip(('fx', 'fy', 'fz'), reading.forces_n.T, strict=True))
    return to_cloud(columns, reading.stamp_s, frame_id)


def ground_truth_message(objects: Sequence[TrueObject], stamp_s: float) -> ObjectStateArray:
    """The true states; an object's name is the frame of its (empty) point cloud."""
    return ObjectStateArray(
        header=header(stamp_s, WORLD),
        objects=[_true_state(i, truth, stamp_s) for i, truth in enumerate(objects)],
    )


def _true_state(number: int, truth: TrueObject, stamp_s: float) -> ObjectState:
    state = ObjectState(header=header(stamp_s, WORLD), id=number, visible=True)
    state.pose.pose = to_pose(truth.T_world_object)
    state.twist.twist = to_twist(truth.twist)
    state.points = to_xyz_cloud(np.empty((0, 3)), stamp_s, truth.name)
    state.properties = HiddenProperties(
        mass=float(truth.mass_kg),
        friction=float(truth.friction),
        center_of_mass=to_point(truth.center_of_mass),
    )
    return state
