"""Headers, poses, twists, joints and trajectories between messages and the core's types.

Every reader raises BadInputError with one line when a message cannot be used. Matrices are
`T_frame_object`; covariances follow ROS: row-major 6x6, position then rotation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import (
    Point,
    Pose,
    PoseWithCovariance,
    Quaternion,
    Transform,
    Twist,
    TwistWithCovariance,
    Vector3,
    WrenchStamped,
)
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import JointState
from std_msgs.msg import Header

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import from_xyz_quat
from sakiyomi.sensing import JointReading, WrenchReading

NS = 1_000_000_000


def to_stamp(stamp_s: float) -> Time:
    """Seconds as a stamp, to the nearest nanosecond."""
    seconds, nanoseconds = divmod(round(stamp_s * NS), NS)
    return Time(sec=seconds, nanosec=nanoseconds)


def from_stamp(stamp: Time) -> float:
    """A stamp in seconds."""
    return stamp.sec + stamp.nanosec * 1e-9


def to_duration(duration_s: float) -> Duration:
    """Seconds as a duration, to the nearest nanosecond."""
    seconds, nanoseconds = divmod(round(duration_s * NS), NS)
    return Duration(sec=seconds, nanosec=nanoseconds)


def from_duration(duration: Duration) -> float:
    """A duration in seconds."""
    return duration.sec + duration.nanosec * 1e-9


def header(stamp_s: float, frame_id: str) -> Header:
    """A header of that stamp and frame."""
    return Header(stamp=to_stamp(stamp_s), frame_id=frame_id)


def to_point(xyz: Sequence[float]) -> Point:
    """Three numbers [m] as a point."""
    return Point(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def to_vector(xyz: Sequence[float]) -> Vector3:
    """Three numbers as a vector."""
    return Vector3(x=float(xyz[0]), y=float(xyz[1]), z=float(xyz[2]))


def from_xyz(point: Point | Vector3, what: str = 'point') -> np.ndarray:
    """A point or vector as (3,).

    Raises:
        BadInputError: it is not finite.
    """
    return _finite(np.array([point.x, point.y, point.z]), what)


def to_pose(T: np.ndarray) -> Pose:
    """A (4, 4) transform as a pose."""
    return to_poses(T[None])[0]


def to_poses(T: np.ndarray) -> list[Pose]:
    """(N, 4, 4) transforms as poses."""
    if not len(T):
        return []
    quaternions = Rotation.from_matrix(T[:, :3, :3]).as_quat().tolist()
    return [
        Pose(
            position=Point(x=x, y=y, z=z),
            orientation=Quaternion(x=qx, y=qy, z=qz, w=qw),
        )
        for (x, y, z), (qx, qy, qz, qw) in zip(
            T[:, :3, 3].astype(float).tolist(), quaternions, strict=True
        )
    ]


def to_transform(pose: Pose) -> Transform:
    """The same motion as a transform message."""
    p = pose.position
    return Transform(translation=Vector3(x=p.x, y=p.y, z=p.z), rotation=pose.orientation)


def from_pose(pose: Pose, what: str = 'pose') -> np.ndarray:
    """A pose as a (4, 4) transform; the quaternion is normalised.

    Raises:
        BadInputError: it is not finite, or its quaternion is zero.
    """
    return _rigid(pose.position, pose.orientation, what)


def from_transform(transform: Transform, what: str = 'transform') -> np.ndarray:
    """A transform message as a (4, 4) transform; the quaternion is normalised.

    Raises:
        BadInputError: it is not finite, or its quaternion is zero.
    """
    return _rigid(transform.translation, transform.rotation, what)


def _rigid(p: Point | Vector3, o: Quaternion, what: str) -> np.ndarray:
    numbers = _finite(np.array([p.x, p.y, p.z, o.x, o.y, o.z, o.w]), what)
    norm = float(np.linalg.norm(numbers[3:]))
    if norm < 1e-6:
        raise BadInputError(f'{what}: got a quaternion of length {norm:.3g}, expected 1')
    return from_xyz_quat(numbers[:3], numbers[3:] / norm)


def to_pose_with_covariance(T: np.ndarray, covariance: np.ndarray) -> PoseWithCovariance:
    """A (4, 4) transform and its (6, 6) covariance."""
    return PoseWithCovariance(pose=to_pose(T), covariance=_flat(covariance))


def to_poses_with_covariance(T: np.ndarray, covariance: np.ndarray) -> list[PoseWithCovariance]:
    """(N, 4, 4) transforms and their (N, 6, 6) covariances."""
    return [
        PoseWithCovariance(pose=pose, covariance=_flat(c))
        for pose, c in zip(to_poses(T), covariance, strict=True)
    ]


def to_twist(twist: np.ndarray) -> Twist:
    """(6,) linear [m/s], angular [rad/s]."""
    return Twist(linear=to_vector(twist[:3]), angular=to_vector(twist[3:]))


def from_twist(twist: Twist, what: str = 'twist') -> np.ndarray:
    """(6,) linear, angular.

    Raises:
        BadInputError: it is not finite.
    """
    return np.concatenate([from_xyz(twist.linear, what), from_xyz(twist.angular, what)])


def to_twist_with_covariance(twist: np.ndarray, covariance: np.ndarray) -> TwistWithCovariance:
    """A (6,) twist and its (6, 6) covariance."""
    return TwistWithCovariance(twist=to_twist(twist), covariance=_flat(covariance))


def covariance(message: PoseWithCovariance | TwistWithCovariance) -> np.ndarray:
    """The (6, 6) covariance of a message."""
    return np.asarray(message.covariance, dtype=float).reshape(6, 6)


def to_joint_state(reading: JointReading) -> JointState:
    """Joint positions and velocities."""
    return JointState(
        header=header(reading.stamp_s, ''),
        name=list(reading.names),
        position=np.asarray(reading.position, dtype=float).tolist(),
        velocity=np.asarray(reading.velocity, dtype=float).tolist(),
    )


def from_joint_state(message: JointState) -> JointReading:
    """Joint positions and velocities; velocities are zero where the message has none.

    Raises:
        BadInputError: no names, lengths that differ, or numbers that are not finite.
    """
    n = len(message.name)
    velocity = message.velocity if len(message.velocity) else [0.0] * n
    if n == 0 or len(message.position) != n or len(velocity) != n:
        raise BadInputError(
            f'joint state: got {n} names, {len(message.position)} positions and '
            f'{len(message.velocity)} velocities, expected as many of each'
        )
    return JointReading(
        from_stamp(message.header.stamp),
        tuple(message.name),
        _finite(np.array(message.position), 'joint positions'),
        _finite(np.array(velocity), 'joint velocities'),
    )


def to_wrench(reading: WrenchReading, frame_id: str) -> WrenchStamped:
    """Force and torque in `frame_id`."""
    message = WrenchStamped(header=header(reading.stamp_s, frame_id))
    message.wrench.force = to_vector(reading.force_n)
    message.wrench.torque = to_vector(reading.torque_nm)
    return message


def from_wrench(message: WrenchStamped) -> WrenchReading:
    """Force and torque.

    Raises:
        BadInputError: a number is not finite.
    """
    return WrenchReading(
        from_stamp(message.header.stamp),
        from_xyz(message.wrench.force, 'wrench force'),
        from_xyz(message.wrench.torque, 'wrench torque'),
    )


def finite_floats(values: Iterable[float], what: str) -> np.ndarray:
    """A float array.

    Raises:
        BadInputError: a number is not finite.
    """
    return _finite(np.array(list(values), dtype=float), what)


def _finite(values: np.ndarray, what: str) -> np.ndarray:
    if not np.isfinite(values).all():
        bad = next(v for v in values.ravel().tolist() if not math.isfinite(v))
        raise BadInputError(f'{what}: got {bad}, expected finite numbers')
    return values


def _flat(covariance: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(covariance, dtype=np.float64).reshape(36)
