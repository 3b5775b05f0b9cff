"""Candidate motions of a free hand around an object: pushes with closed fingers, and grasps."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi.scene import HandMotion
from simulation_node.interactions.handled import (
    DOWN,
    FINGER_HALF_M,
    GAP_M,
    LOWEST_M,
    OPENED_M,
    PUSH_FORCE_N,
)

SPEEDS_MPS, LENGTHS_M = (0.06, 0.40), (0.02, 0.16)
HEIGHTS, ASIDES = (0.1, 0.9), (-1.1, 1.1)  # of the object's height and half its width
SPAN_S = 1.0  # of every candidate
FINGER_SPEED_MPS = 0.10
DOWN_S, SHUT_S = 0.2, 0.6  # a grasp is reached, has closed and goes up
CLEAR_M, RISE_M = 0.02, 0.06
OFF_M, TURN_RAD = 0.007, 0.25  # sigma of a grasp's place and turn about the narrowest side's
BELOW_TOP_M = (-0.035, 0.0)  # of the grasp frame
FORCES_N = (1.5, 30.0)
MAX_WIDTH_M = 0.08


def push(
    points_m: np.ndarray,
    angle_rad: float,
    aside: float,
    z_m: float,
    length_m: float,
    speed_mps: float,
    turn_rad: float = 0.0,
) -> HandMotion:
    """The closed hand moves along a level line against an object, from a gap before it.

    Args:
        points_m: (N, 3) the object's surface, world frame.
        angle_rad: of the line.
        aside: of the object's middle, in half widths.
        z_m: of the grasp frame.
        length_m: of the way after the gap.
        speed_mps: along the line.
        turn_rad: of the hand about the vertical.
    """
    along = np.array([np.cos(angle_rad), np.sin(angle_rad), 0.0])
    across = np.array([-along[1], along[0], 0.0])
    middle = 0.5 * (points_m.min(axis=0) + points_m.max(axis=0))
    half_m = 0.5 * np.ptp(points_m @ across)
    offset = (points_m - middle) @ across - aside * half_m
    near = np.abs(offset) < max(FINGER_HALF_M, 0.3 * half_m)
    face = ((points_m - middle)[near if near.any() else slice(None)] @ along).min()
    start = np.array([middle[0], middle[1], z_m]) + aside * half_m * across
    start += (face - FINGER_HALF_M - GAP_M) * along
    R = Rotation.from_rotvec([0.0, 0.0, turn_rad]).as_matrix() @ DOWN
    reach_m = min(GAP_M + length_m, speed_mps * SPAN_S)
    poses = np.stack([make_transform(R, start), make_transform(R, start + reach_m * along)])
    times_s = np.array([0.0, reach_m / speed_mps])
    return HandMotion(times_s, poses, np.zeros(2), PUSH_FORCE_N)


def drawn_pushes(
    points_m: np.ndarray, table_m: float, count: int, rng: np.random.Generator
) -> list[HandMotion]:
    """Pushes from all sides, at all heights; some go past."""
    height_m = float(points_m[:, 2].max()) - table_m
    return [
        push(
            points_m,
            rng.uniform(0.0, 2.0 * np.pi),
            rng.uniform(*ASIDES),
            table_m + max(LOWEST_M, rng.uniform(*HEIGHTS) * height_m),
            rng.uniform(*LENGTHS_M),
            rng.uniform(*SPEEDS_MPS),
            rng.uniform(0.0, 2.0 * np.pi),
        )
        for _ in range(count)
    ]


def grasp(
    T_world_grasp: np.ndarray, opening_m: float, down_m: float, force_n: float
) -> HandMotion:
    """The open hand comes down by `down_m`, closes at `T_world_grasp` and lifts straight up."""
    above, up = T_world_grasp.copy(), T_world_grasp.copy()
    above[2, 3] += down_m
    up[2, 3] += RISE_M
    shut_s = DOWN_S + opening_m / FINGER_SPEED_MPS
    times_s = np.unique([0.0, DOWN_S, SHUT_S, min(shut_s, SPAN_S), SPAN_S])
    widths = np.clip(opening_m - FINGER_SPEED_MPS * (times_s - DOWN_S), 0.0, opening_m)
    share = np.clip((times_s - SHUT_S) / (SPAN_S - SHUT_S), 0.0, 1.0)
    poses = np.tile(T_world_grasp, (len(times_s), 1, 1))
    poses[:, :3, 3] += share[:, None] * (up - T_world_grasp)[:3, 3]
    poses[0] = above
    return HandMotion(times_s, poses, widths, force_n)


def drawn_grasps(
    points_m: np.ndarray, table_m: float, count: int, rng: np.random.Generator
) -> list[HandMotion]:
    """Grasps from above about the narrowest side: askew, beside it, too high or too weak too."""
    middle = 0.5 * (points_m.min(axis=0) + points_m.max(axis=0))
    top_m = float(points_m[:, 2].max())
    narrow = min(np.arange(36) * np.pi / 36, key=lambda yaw: np.ptp(points_m @ _closing(yaw)))
    motions = []
    for _ in range(count):
        yaw = narrow + rng.normal(0.0, TURN_RAD)
        span = (points_m - middle) @ _closing(yaw)
        at = middle + 0.5 * (span.min() + span.max()) * _closing(yaw)
        at[:2] += rng.normal(0.0, OFF_M, 2)
        at[2] = max(table_m + LOWEST_M, top_m + rng.uniform(*BELOW_TOP_M))
        R = Rotation.from_rotvec([0.0, 0.0, yaw]).as_matrix() @ DOWN
        opening_m = float(np.clip(np.ptp(span) + OPENED_M, 0.03, MAX_WIDTH_M))
        force_n = float(np.exp(rng.uniform(*np.log(FORCES_N))))
        down_m = max(0.0, top_m - at[2]) + CLEAR_M
        motions.append(grasp(make_transform(R, at), opening_m, down_m, force_n))
    return motions


def _closing(yaw: float) -> np.ndarray:
    return np.array([-np.sin(yaw), np.cos(yaw), 0.0])
