"""Candidate motions of a free hand around an object: pushes with closed fingers, and grasps."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi.scene import HandMotion
from sakiyomi_data.scenarios.manipulation import (
    APPROACH_GAP_M,
    DOWN,
    FINGER_HALF_WIDTH_M,
    MIN_GRASP_HEIGHT_M,
    OPENING_CLEARANCE_M,
    PUSH_FORCE_N,
)

SPEEDS_MPS, LENGTHS_M = (0.06, 0.40), (0.02, 0.16)
HEIGHTS, LATERAL_OFFSETS = (0.1, 0.9), (-1.1, 1.1)  # of the object's height and half its width
DURATION_S = 1.0  # of every candidate
FINGER_SPEED_MPS = 0.10
DESCENT_S, CLOSED_S = 0.2, 0.6  # a grasp is reached, has closed and goes up
CLEARANCE_M, LIFT_HEIGHT_M = 0.02, 0.06
POSITION_SIGMA_M, YAW_SIGMA_RAD = (
    0.007,
    0.25,
)  # sigma of a grasp's place and turn about the narrowest side's
BELOW_TOP_M = (-0.035, 0.0)  # of the grasp frame
FORCES_N = (1.5, 30.0)
MAX_WIDTH_M = 0.08


def push_motion(
    points_m: np.ndarray,
    angle_rad: float,
    lateral_offset: float,
    z_m: float,
    length_m: float,
    speed_mps: float,
    yaw_rad: float = 0.0,
) -> HandMotion:
    """The closed hand moves along a level line against an object, from a gap before it.

    Args:
        points_m: (N, 3) the object's surface, world frame.
        angle_rad: of the line.
        lateral_offset: of the object's middle, in half widths.
        z_m: of the grasp frame.
        length_m: of the way after the gap.
        speed_mps: along the line.
        yaw_rad: of the hand about the vertical.
    """
    along = np.array([np.cos(angle_rad), np.sin(angle_rad), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    middle = 0.5 * (points_m.min(axis=0) + points_m.max(axis=0))
    half_m = 0.5 * np.ptp(points_m @ across)
    offset = (points_m - middle) @ across - lateral_offset * half_m
    near = np.abs(offset) < max(FINGER_HALF_WIDTH_M, 0.3 * half_m)
    face = ((points_m - middle)[near if near.any() else slice(None)] @ along).min()
    start = np.array([middle[0], middle[1], z_m]) + lateral_offset * half_m * across
    start += (face - FINGER_HALF_WIDTH_M - APPROACH_GAP_M) * along
    R = Rotation.from_rotvec([0.0, 0.0, yaw_rad]).as_matrix() @ DOWN
    reach_m = min(APPROACH_GAP_M + length_m, speed_mps * DURATION_S)
    poses = np.stack([make_transform(R, start), make_transform(R, start + reach_m * along)])
    times_s = np.array([0.0, reach_m / speed_mps])
    return HandMotion(times_s, poses, np.zeros(2), PUSH_FORCE_N)


def sample_pushes(
    points_m: np.ndarray, table_m: float, count: int, rng: np.random.Generator
) -> list[HandMotion]:
    """Pushes from all sides, at all heights; some go past."""
    height_m = float(points_m[:, 2].max()) - table_m
    return [
        push_motion(
            points_m,
            rng.uniform(0.0, 2.0 * np.pi),
            rng.uniform(*LATERAL_OFFSETS),
            table_m + max(MIN_GRASP_HEIGHT_M, rng.uniform(*HEIGHTS) * height_m),
            rng.uniform(*LENGTHS_M),
            rng.uniform(*SPEEDS_MPS),
            rng.uniform(0.0, 2.0 * np.pi),
        )
        for _ in range(count)
    ]


def grasp_motion(
    T_world_grasp: np.ndarray, opening_m: float, down_m: float, force_n: float
) -> HandMotion:
    """The open hand comes down by `down_m`, closes at `T_world_grasp` and lifts straight up."""
    above, up = T_world_grasp.copy(), T_world_grasp.copy()
    above[2, 3] += down_m
    up[2, 3] += LIFT_HEIGHT_M
    shut_s = DESCENT_S + opening_m / FINGER_SPEED_MPS
    times_s = np.unique([0.0, DESCENT_S, CLOSED_S, min(shut_s, DURATION_S), DURATION_S])
    widths = np.clip(opening_m - FINGER_SPEED_MPS * (times_s - DESCENT_S), 0.0, opening_m)
    share = np.clip((times_s - CLOSED_S) / (DURATION_S - CLOSED_S), 0.0, 1.0)
    poses = np.tile(T_world_grasp, (len(times_s), 1, 1))
    poses[:, :3, 3] += share[:, None] * (up - T_world_grasp)[:3, 3]
    poses[0] = above
    return HandMotion(times_s, poses, widths, force_n)


def sample_grasps(
    points_m: np.ndarray, table_m: float, count: int, rng: np.random.Generator
) -> list[HandMotion]:
    """Grasps from above about the narrowest side: askew, beside it, too high or too weak too."""
    middle = 0.5 * (points_m.min(axis=0) + points_m.max(axis=0))
    top_m = float(points_m[:, 2].max())
    narrow = min(np.arange(36) * np.pi / 36, key=lambda yaw: np.ptp(points_m @ _closing_axis(yaw)))
    motions = []
    for _ in range(count):
        yaw = narrow + rng.normal(0.0, YAW_SIGMA_RAD)
        span = (points_m - middle) @ _closing_axis(yaw)
        at = middle + 0.5 * (span.min() + span.max()) * _closing_axis(yaw)
        at[:2] += rng.normal(0.0, POSITION_SIGMA_M, 2)
        at[2] = max(table_m + MIN_GRASP_HEIGHT_M, top_m + rng.uniform(*BELOW_TOP_M))
        R = Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix() @ DOWN
        opening_m = float(np.clip(np.ptp(span) + OPENING_CLEARANCE_M, 0.03, MAX_WIDTH_M))
        force_n = float(np.exp(rng.uniform(*np.log(FORCES_N))))
        down_m = max(0.0, top_m - at[2]) + CLEARANCE_M
        motions.append(grasp_motion(make_transform(R, at), opening_m, down_m, force_n))
    return motions


def _closing_axis(yaw: float) -> np.ndarray:
    return np.array([-np.sin(yaw), np.cos(yaw), 0.0])
