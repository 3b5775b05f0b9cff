"""Rigid-body geometry on numpy arrays (Sola et al., A micro Lie theory, 2018, appendix B)."""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation


def make_transform(
    rotation: np.ndarray | None = None, translation: np.ndarray | None = None
) -> np.ndarray:
    """A (4, 4) transform from a (3, 3) rotation and a (3,) translation [m]; None is identity."""
    T = np.eye(4)
    if rotation is not None:
        T[:3, :3] = rotation
    if translation is not None:
        T[:3, 3] = translation
    return T


def inverse(T: np.ndarray) -> np.ndarray:
    """The inverse of rigid transforms. Shape (..., 4, 4)."""
    T_inv = np.zeros_like(T, dtype=float)
    R_t = np.swapaxes(T[..., :3, :3], -1, -2)
    T_inv[..., :3, :3] = R_t
    T_inv[..., :3, 3] = -(R_t @ T[..., :3, 3:])[..., 0]
    T_inv[..., 3, 3] = 1.0
    return T_inv


def transform_points(T: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map (N, 3) points through a (4, 4) transform, keeping their dtype."""
    return (points @ T[:3, :3].T + T[:3, 3]).astype(points.dtype, copy=False)


def from_xyz_rpy(xyz: np.ndarray, rpy: np.ndarray) -> np.ndarray:
    """URDF origin (fixed-axis roll, pitch, yaw [rad]) to a (4, 4) transform."""
    return make_transform(Rotation.from_euler('xyz', rpy).as_matrix(), xyz)


def from_xyz_quat(xyz: np.ndarray, quat_xyzw: np.ndarray) -> np.ndarray:
    """Position [m] and unit quaternion (x, y, z, w, the ROS order) to a (4, 4) transform."""
    return make_transform(Rotation.from_quat(quat_xyzw).as_matrix(), xyz)


def quat_xyzw(T: np.ndarray) -> np.ndarray:
    """The unit quaternion (x, y, z, w) of a (4, 4) transform."""
    return Rotation.from_matrix(T[:3, :3]).as_quat()


def twist_at(twist: np.ndarray, arm_m: np.ndarray) -> np.ndarray:
    """A rigid body's twists (..., 6), linear then angular, as those of points at arms (..., 3)."""
    linear, angular = twist[..., :3], twist[..., 3:]
    return np.concatenate([linear + np.cross(angular, arm_m), angular], axis=-1)


def rotation_angle(R: np.ndarray) -> float:
    """The angle [rad] of a (3, 3) rotation, in [0, pi]."""
    return float(Rotation.from_matrix(R).magnitude())


def rotation_vector(R: np.ndarray) -> np.ndarray:
    """Axis times angle (3,) [rad] of a rotation (3, 3) of less than pi."""
    axis = 0.5 * np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]])
    sine, cosine = math.sqrt(axis @ axis), 0.5 * (R[0, 0] + R[1, 1] + R[2, 2] - 1.0)
    return axis if sine < 1e-9 else axis * (math.atan2(sine, cosine) / sine)


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) by a rotation vector (3,) [rad]; Rodrigues' formula."""
    angle = math.sqrt(vector @ vector)
    if angle < 1e-12:
        return np.eye(3)
    K = skew(vector / angle)
    return np.eye(3) + math.sin(angle) * K + (1.0 - math.cos(angle)) * (K @ K)


def skew(v: np.ndarray) -> np.ndarray:
    """The (3, 3) matrix of the cross product with (3,)."""
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross products of (K, 3) and (K, 3); numpy's own takes far longer for few."""
    out = np.empty_like(b)
    out[:, 0] = a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1]
    out[:, 1] = a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2]
    out[:, 2] = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return out
