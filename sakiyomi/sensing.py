"""Readings of the robot's sensors, free of any middleware.

Units are SI; `T_a_b` maps coordinates in frame b to frame a; optical frames follow REP 103
(z forward, x right, y down).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CameraFrame:
    """One registered colour + depth image pair."""

    stamp_s: float
    color: np.ndarray  # (H, W, 3) uint8 RGB
    depth_m: np.ndarray  # (H, W) float32, 0 where there is no return
    intrinsics: np.ndarray  # (3, 3) float64 pinhole K
    T_world_camera: np.ndarray  # (4, 4) of the optical frame


@dataclass(frozen=True)
class LidarScan:
    """One sweep of the LiDAR; rays with no return are absent."""

    stamp_s: float
    points_m: np.ndarray  # (N, 3) float32 in the sensor frame
    T_world_lidar: np.ndarray  # (4, 4)


@dataclass(frozen=True)
class TactileReading:
    """The taxels of one finger pad; forces are those that the object exerts on the finger."""

    stamp_s: float
    side: str  # 'left' or 'right'
    points_m: np.ndarray  # (n, 3) float32 taxel positions in the pad frame
    forces_n: np.ndarray  # (n, 3) float32 in the pad frame


@dataclass(frozen=True)
class WrenchReading:
    """Force and torque at the wrist, expressed in the hand frame."""

    stamp_s: float
    force_n: np.ndarray  # (3,)
    torque_nm: np.ndarray  # (3,)


@dataclass(frozen=True)
class JointReading:
    """Arm and finger joints in the robot description's order."""

    stamp_s: float
    names: tuple[str, ...]
    position: np.ndarray  # (n,) rad or m
    velocity: np.ndarray  # (n,) rad/s or m/s
