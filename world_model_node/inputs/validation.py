"""Malformed readings are refused with one line that names the value."""

from __future__ import annotations

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.sensing import CameraFrame, JointReading, LidarScan, TactileReading, WrenchReading

MAX_MAGNITUDE = 1e6  # bound of all lengths, forces and speeds, whose square float32 can hold


def check_camera(frame: CameraFrame) -> None:
    """Raise BadInputError unless the images match, K is a pinhole and the pose is rigid."""
    check_stamp('camera', frame.stamp_s)
    depth, color = frame.depth_m, frame.color
    if not isinstance(depth, np.ndarray) or depth.ndim != 2 or depth.size == 0:
        raise BadInputError(
            f'camera depth: got shape {np.shape(depth)}, expected (H, W) not empty'
        )
    if not np.issubdtype(depth.dtype, np.floating):
        raise BadInputError(f'camera depth: got {depth.dtype}, expected float metres')
    if np.shape(color) != (*depth.shape, 3) or np.asarray(color).dtype != np.uint8:
        got = f'{np.shape(color)} {np.asarray(color).dtype}'
        raise BadInputError(f'camera color: got {got}, expected {(*depth.shape, 3)} uint8')
    check_intrinsics(frame.intrinsics)
    check_transform('camera pose', frame.T_world_camera)


def check_lidar(scan: LidarScan) -> None:
    """Raise BadInputError unless the points are (N, 3) floats and the pose is rigid."""
    check_stamp('lidar', scan.stamp_s)
    check_rows('lidar points', scan.points_m, 3, finite=False)
    check_transform('lidar pose', scan.T_world_lidar)


def check_tactile(reading: TactileReading) -> None:
    """Raise BadInputError unless each taxel has a finite position and force."""
    check_stamp('tactile', reading.stamp_s)
    if reading.side not in ('left', 'right'):
        raise BadInputError(f'tactile side: got {reading.side!r}, expected left or right')
    check_rows('tactile points', reading.points_m, 3)
    check_rows('tactile forces', reading.forces_n, 3)
    if len(reading.points_m) != len(reading.forces_n):
        got = f'{len(reading.forces_n)} forces for {len(reading.points_m)} taxels'
        raise BadInputError(f'tactile: got {got}, expected one each')


def check_wrench(reading: WrenchReading) -> None:
    """Raise BadInputError unless force and torque are finite 3-vectors."""
    check_stamp('wrench', reading.stamp_s)
    check_rows('wrench', np.array([reading.force_n, reading.torque_nm], dtype=float), 3)


def check_joints(reading: JointReading) -> None:
    """Raise BadInputError unless there is one finite position and velocity per name."""
    check_stamp('joints', reading.stamp_s)
    n = len(reading.names)
    for name, values in (('position', reading.position), ('velocity', reading.velocity)):
        if np.shape(values) != (n,) or n == 0:
            raise BadInputError(f'joint {name}: got shape {np.shape(values)}, expected ({n},)')
        if not (np.abs(np.asarray(values, dtype=float)) < MAX_MAGNITUDE).all():
            raise BadInputError(
                f'joint {name}: got a value not finite or beyond {MAX_MAGNITUDE:g}'
            )


def check_stamp(name: str, stamp_s: float) -> None:
    """Raise BadInputError unless the stamp is finite and not negative."""
    if not np.isfinite(stamp_s) or stamp_s < 0.0:
        raise BadInputError(f'{name} stamp: got {stamp_s!r}, expected seconds from 0 up')


def check_rows(name: str, values: np.ndarray, width: int, finite: bool = True) -> None:
    """Raise BadInputError unless `values` is an (N, width) array of floats."""
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.shape[1] != width:
        raise BadInputError(f'{name}: got shape {np.shape(values)}, expected (N, {width})')
    if not np.issubdtype(values.dtype, np.floating):
        raise BadInputError(f'{name}: got {values.dtype}, expected floats')
    if finite and not (np.abs(values) < MAX_MAGNITUDE).all():  # NaN compares false
        raise BadInputError(f'{name}: got a value that is not finite or beyond {MAX_MAGNITUDE:g}')


def check_intrinsics(K: np.ndarray) -> None:
    """Raise BadInputError unless K is the matrix of a pinhole with focal lengths of 1 px up."""
    if np.shape(K) != (3, 3) or not (np.abs(K) < MAX_MAGNITUDE).all():
        got = f'shape {np.shape(K)}, largest {np.max(np.abs(K), initial=0.0):g}'
        raise BadInputError(
            f'camera intrinsics: got {got}, expected (3, 3) below {MAX_MAGNITUDE:g}'
        )
    if K[0, 0] < 1.0 or K[1, 1] < 1.0:
        got = f'fx {K[0, 0]:g}, fy {K[1, 1]:g}'
        raise BadInputError(f'camera intrinsics: got {got}, expected focal lengths of 1 px up')
    if K[1, 0] != 0.0 or K[2].tolist() != [0.0, 0.0, 1.0]:
        raise BadInputError(f'camera intrinsics: got rows {K[1:].tolist()}, expected 0 0 1 last')


def check_transform(name: str, T: np.ndarray) -> None:
    """Raise BadInputError unless T is a finite rigid (4, 4) transform."""
    if np.shape(T) != (4, 4) or not np.isfinite(T).all():
        raise BadInputError(f'{name}: got shape {np.shape(T)}, expected finite (4, 4)')
    R = T[:3, :3]
    if not np.allclose(R @ R.T, np.eye(3), atol=1e-3) or np.linalg.det(R) < 0.0:
        raise BadInputError(f'{name}: got a matrix that is not a rotation, expected a rigid pose')
