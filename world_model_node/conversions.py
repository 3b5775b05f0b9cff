"""Conversions between the world model's messages and the types of its core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import PoseArray
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import ColorRGBA
from trajectory_msgs.msg import MultiDOFJointTrajectory, MultiDOFJointTrajectoryPoint
from visualization_msgs.msg import Marker, MarkerArray

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform
from sakiyomi.scene import ObjectState, Prediction, Scene
from sakiyomi.sensing import CameraFrame, LidarScan, TactileReading
from sakiyomi_ros.messages.beliefs import WORLD, object_frame
from sakiyomi_ros.messages.conversions import (
    from_stamp,
    header,
    to_duration,
    to_point,
    to_pose,
    to_poses,
    to_transform,
    to_twist,
    to_vector,
)
from sakiyomi_ros.messages.images import MAX_RANGE_M, from_color_image, from_depth_image
from sakiyomi_ros.messages.point_clouds import from_cloud
from world_model_node.config import MarkerConfig

TAXEL_FIELDS = ('x', 'y', 'z', 'fx', 'fy', 'fz')
PALETTE = ((0.2, 0.6, 1.0), (1.0, 0.6, 0.2), (0.3, 0.8, 0.4), (0.9, 0.4, 0.7), (0.8, 0.8, 0.3))


@dataclass(frozen=True)
class ImageFrame:
    """One decoded image that waits for its colour or depth partner."""

    stamp_s: float
    frame_id: str
    pixels: np.ndarray  # (H, W, 3) uint8 RGB, or (H, W) float32 depth [m]


def to_color_frame(message: Image) -> ImageFrame:
    """Decode a colour image.

    Raises:
        BadInputError: the image is malformed.
    """
    pixels = from_color_image(message)
    return ImageFrame(from_stamp(message.header.stamp), message.header.frame_id, pixels)


def to_depth_frame(message: Image) -> ImageFrame:
    """Decode a depth image.

    Raises:
        BadInputError: the image is malformed.
    """
    depth_m = from_depth_image(message)
    return ImageFrame(from_stamp(message.header.stamp), message.header.frame_id, depth_m)


def to_camera_frame(
    color: ImageFrame, depth: ImageFrame, intrinsics: np.ndarray, T_world_camera: np.ndarray
) -> CameraFrame:
    """Join a registered colour and depth image.

    Raises:
        BadInputError: the sizes differ.
    """
    if color.pixels.shape[:2] != depth.pixels.shape:
        (height, width), (color_height, color_width) = depth.pixels.shape, color.pixels.shape[:2]
        raise BadInputError(
            f'depth image: got {width}x{height} pixels,'
            f' expected {color_width}x{color_height} as in the color image'
        )
    return CameraFrame(depth.stamp_s, color.pixels, depth.pixels, intrinsics, T_world_camera)


def to_lidar_scan(message: PointCloud2, T_world_lidar: np.ndarray) -> LidarScan:
    """Convert one scan, without returns beyond the range of any sensor.

    Raises:
        BadInputError: the cloud is malformed.
    """
    points_m = from_cloud(message)
    points_m = points_m[(np.abs(points_m) < MAX_RANGE_M).all(axis=1)]
    return LidarScan(from_stamp(message.header.stamp), points_m, T_world_lidar)


def to_tactile_reading(message: PointCloud2, side: str) -> TactileReading:
    """Convert the taxels of one pad.

    Raises:
        BadInputError: the cloud is malformed.
    """
    taxels = from_cloud(message, TAXEL_FIELDS)
    return TactileReading(from_stamp(message.header.stamp), side, taxels[:, :3], taxels[:, 3:])


def predicted_poses(predictions: Sequence[Prediction], stamp_s: float) -> PoseArray:
    """Convert the last pose of each prediction, in the order of the predictions."""
    ends = [prediction.T_world_object[-1] for prediction in predictions]
    poses = to_poses(np.array(ends)) if ends else []
    return PoseArray(header=header(stamp_s, WORLD), poses=poses)


def predicted_trajectories(
    predictions: Sequence[Prediction], stamp_s: float
) -> MultiDOFJointTrajectory:
    """Convert predictions to one joint `object_<id>` each, with transform and twist per step."""
    message = MultiDOFJointTrajectory(header=header(stamp_s, WORLD))
    message.joint_names = [object_frame(prediction.object_id) for prediction in predictions]
    if not predictions:
        return message
    poses = [to_poses(prediction.T_world_object) for prediction in predictions]
    message.points = [
        MultiDOFJointTrajectoryPoint(
            transforms=[to_transform(p[step]) for p in poses],
            velocities=[to_twist(prediction.twist[step]) for prediction in predictions],
            time_from_start=to_duration(max(at_s - stamp_s, 0.0)),
        )
        for step, at_s in enumerate(predictions[0].stamps_s.tolist())
    ]
    return message


def markers(scene: Scene, predictions: Sequence[Prediction], config: MarkerConfig) -> MarkerArray:
    """Make RViz markers: the box and label of each object, and its predicted path."""
    array = MarkerArray(markers=[Marker(action=Marker.DELETEALL)])
    for state in scene.objects:
        array.markers += [
            _box(state, scene.stamp_s, config.min_edge_m),
            _label(state, scene.stamp_s, config.label_height_m),
        ]
    array.markers += [
        _path(prediction, scene.stamp_s, config.path_width_m) for prediction in predictions
    ]
    return array


def _box(state: ObjectState, stamp_s: float, min_edge_m: float) -> Marker:
    low, high = _extent(state)
    T_world_box = state.T_world_object @ make_transform(translation=(low + high) / 2.0)
    marker = _marker('objects', state.id, Marker.CUBE, stamp_s, 0.9 if state.held else 0.5)
    marker.pose = to_pose(T_world_box)
    marker.scale = to_vector(np.maximum(high - low, min_edge_m))
    return marker


def _label(state: ObjectState, stamp_s: float, height_m: float) -> Marker:
    marker = _marker('ids', state.id, Marker.TEXT_VIEW_FACING, stamp_s, 1.0)
    top = state.T_world_object[:3, 3] + np.array([0.0, 0.0, _extent(state)[1][2] + height_m])
    marker.pose.position = to_point(top)
    marker.scale.z = height_m
    marker.text = f'{state.id} {state.properties.mass_kg.mean:.2f} kg'
    return marker


def _path(prediction: Prediction, stamp_s: float, width_m: float) -> Marker:
    marker = _marker('predictions', prediction.object_id, Marker.LINE_STRIP, stamp_s, 0.8)
    marker.scale.x = width_m
    marker.points = [to_point(xyz) for xyz in prediction.T_world_object[:, :3, 3].tolist()]
    return marker


def _marker(namespace: str, number: int, kind: int, stamp_s: float, alpha: float) -> Marker:
    r, g, b = PALETTE[number % len(PALETTE)]
    marker = Marker(header=header(stamp_s, WORLD), ns=namespace, id=int(number), type=kind)
    marker.color = ColorRGBA(r=r, g=g, b=b, a=alpha)
    marker.pose.orientation.w = 1.0
    return marker


def _extent(state: ObjectState) -> tuple[np.ndarray, np.ndarray]:
    if not len(state.points_m):
        return np.zeros(3), np.zeros(3)
    return state.points_m.min(axis=0).astype(float), state.points_m.max(axis=0).astype(float)
