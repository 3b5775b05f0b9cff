"""What the world model reads and publishes, between messages and the core's types."""

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

TAXEL_FIELDS = ('x', 'y', 'z', 'fx', 'fy', 'fz')
LABEL_HEIGHT_M = 0.02
GHOST_WIDTH_M = 0.004
MIN_EDGE_M = 0.004
PALETTE = ((0.2, 0.6, 1.0), (1.0, 0.6, 0.2), (0.3, 0.8, 0.4), (0.9, 0.4, 0.7), (0.8, 0.8, 0.3))


@dataclass(frozen=True)
class Picture:
    """One readable image, waiting for its partner."""

    stamp_s: float
    frame_id: str
    pixels: np.ndarray  # (H, W, 3) uint8 RGB, or (H, W) float32 depth [m]


def to_color_picture(message: Image) -> Picture:
    """A colour image.

    Raises:
        BadInputError: it is malformed.
    """
    pixels = from_color_image(message)
    return Picture(from_stamp(message.header.stamp), message.header.frame_id, pixels)


def to_depth_picture(message: Image) -> Picture:
    """A depth image.

    Raises:
        BadInputError: it is malformed.
    """
    depth_m = from_depth_image(message)
    return Picture(from_stamp(message.header.stamp), message.header.frame_id, depth_m)


def to_camera_frame(
    color: Picture, depth: Picture, intrinsics: np.ndarray, T_world_camera: np.ndarray
) -> CameraFrame:
    """One registered pair.

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
    """One sweep, without returns from beyond any sensor's range.

    Raises:
        BadInputError: the cloud is malformed.
    """
    points_m = from_cloud(message)
    points_m = points_m[(np.abs(points_m) < MAX_RANGE_M).all(axis=1)]
    return LidarScan(from_stamp(message.header.stamp), points_m, T_world_lidar)


def to_tactile_reading(message: PointCloud2, side: str) -> TactileReading:
    """The taxels of one pad.

    Raises:
        BadInputError: the cloud is malformed.
    """
    taxels = from_cloud(message, TAXEL_FIELDS)
    return TactileReading(from_stamp(message.header.stamp), side, taxels[:, :3], taxels[:, 3:])


def predicted_poses(predictions: Sequence[Prediction], stamp_s: float) -> PoseArray:
    """Where each object will be at the end of the horizon, in the order of the predictions."""
    ends = [prediction.T_world_object[-1] for prediction in predictions]
    poses = to_poses(np.array(ends)) if ends else []
    return PoseArray(header=header(stamp_s, WORLD), poses=poses)


def predicted_trajectories(
    predictions: Sequence[Prediction], stamp_s: float
) -> MultiDOFJointTrajectory:
    """Every object as a "joint" named `object_<id>`: its transform and twist at each step."""
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


def markers(scene: Scene, predictions: Sequence[Prediction]) -> MarkerArray:
    """For RViz: each object's box and id, and the line that its centre will follow."""
    array = MarkerArray(markers=[Marker(action=Marker.DELETEALL)])
    for state in scene.objects:
        array.markers += [_box(state, scene.stamp_s), _label(state, scene.stamp_s)]
    array.markers += [_ghost(prediction, scene.stamp_s) for prediction in predictions]
    return array


def _box(state: ObjectState, stamp_s: float) -> Marker:
    low, high = _extent(state)
    T_world_box = state.T_world_object @ make_transform(translation=(low + high) / 2.0)
    marker = _marker('objects', state.id, Marker.CUBE, stamp_s, 0.9 if state.held else 0.5)
    marker.pose = to_pose(T_world_box)
    marker.scale = to_vector(np.maximum(high - low, MIN_EDGE_M))
    return marker


def _label(state: ObjectState, stamp_s: float) -> Marker:
    marker = _marker('ids', state.id, Marker.TEXT_VIEW_FACING, stamp_s, 1.0)
    top = state.T_world_object[:3, 3] + np.array([0.0, 0.0, _extent(state)[1][2] + LABEL_HEIGHT_M])
    marker.pose.position = to_point(top)
    marker.scale.z = LABEL_HEIGHT_M
    marker.text = f'{state.id} {state.properties.mass_kg.mean:.2f} kg'
    return marker


def _ghost(prediction: Prediction, stamp_s: float) -> Marker:
    marker = _marker('predictions', prediction.object_id, Marker.LINE_STRIP, stamp_s, 0.8)
    marker.scale.x = GHOST_WIDTH_M
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
