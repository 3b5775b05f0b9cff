"""The message types of the stamped topics: what `doctor` and `evaluate latency` watch."""

from __future__ import annotations

from geometry_msgs.msg import WrenchStamped
from sensor_msgs.msg import CameraInfo, Image, JointState, PointCloud2

from sakiyomi_interfaces.msg import ObjectStateArray, PredictionArray

SENSORS: dict[str, type] = {
    'camera/color/image_raw': Image,
    'camera/depth/image_rect_raw': Image,
    'camera/camera_info': CameraInfo,
    'lidar/points': PointCloud2,
    'tactile/left': PointCloud2,
    'tactile/right': PointCloud2,
    'wrench': WrenchStamped,
    'joint_states': JointState,
}
BELIEFS: dict[str, type] = {
    'world_model/objects': ObjectStateArray,
    'world_model/predictions': PredictionArray,
}
OBSERVED = SENSORS | BELIEFS
