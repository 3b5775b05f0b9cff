"""The columns of an episode: names, shapes, kinds. docs/collect.md says what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation_node.interactions.interaction import FUTURE_S, WATCH_S

VERSION = 1
FRAME_S, FINE_S = 0.1, 0.05  # of the fusion; of touch, the plan and the truth
BEFORE = round(WATCH_S / FRAME_S)  # index of the frame at t0
FRAMES = BEFORE + round(FUTURE_S / FRAME_S) + 1
FINE_BEFORE = round(WATCH_S / FINE_S)
FINE = FINE_BEFORE + round(FUTURE_S / FINE_S) + 1
PLAN = round(FUTURE_S / FINE_S) + 1
SLOTS = 4  # tracks kept of an episode
POINTS = 96
OBJECTS = 3  # true ones

REAL, WHOLE, FLAG = np.float32, np.int32, np.bool_


@dataclass(frozen=True)
class Column:
    """One array of an episode."""

    shape: tuple[int, ...]
    kind: type
    since_start: bool = True  # or NaN in older files, which lack it


COLUMNS: dict[str, Column] = {
    'episode/scenario': Column((), np.str_),
    'episode/index': Column((), WHOLE),
    'episode/tracked': Column((), FLAG),
    'frames/stamp_s': Column((FRAMES,), REAL),
    'frames/table_height_m': Column((FRAMES,), REAL),
    'frames/id': Column((SLOTS,), WHOLE),
    'frames/present': Column((FRAMES, SLOTS), FLAG),
    'frames/visible': Column((FRAMES, SLOTS), FLAG),
    'frames/held': Column((FRAMES, SLOTS), FLAG),
    'frames/T_world_object': Column((FRAMES, SLOTS, 4, 4), REAL),
    'frames/pose_covariance': Column((FRAMES, SLOTS, 6, 6), REAL),
    'frames/twist': Column((FRAMES, SLOTS, 6), REAL),
    'frames/twist_covariance': Column((FRAMES, SLOTS, 6, 6), REAL),
    'frames/points_m': Column((FRAMES, SLOTS, POINTS, 3), REAL),
    'frames/guessed': Column((FRAMES, SLOTS, POINTS), FLAG),
    'frames/properties': Column((FRAMES, SLOTS, 6), REAL),
    'frames/center_of_mass_m': Column((FRAMES, SLOTS, 3), REAL),
    'frames/center_of_mass_covariance': Column((FRAMES, SLOTS, 3, 3), REAL),
    'hand/present': Column((), FLAG),
    'hand/stamp_s': Column((FINE,), REAL),
    'hand/T_world_grasp': Column((FINE, 4, 4), REAL),
    'hand/finger_width_m': Column((FINE,), REAL),
    'hand/force_limit_n': Column((FINE,), REAL),
    'hand/pad_force_n': Column((FINE, 2, 3), REAL),
    'hand/pad_point_m': Column((FINE, 2, 3), REAL),
    'hand/pad_normal': Column((FINE, 2, 3), REAL),
    'hand/pad_contact': Column((FINE, 2), FLAG),
    'hand/wrench': Column((FINE, 6), REAL),
    'action/times_s': Column((PLAN,), REAL),
    'action/T_world_grasp': Column((PLAN, 4, 4), REAL),
    'action/finger_width_m': Column((PLAN,), REAL),
    'action/force_n': Column((PLAN,), REAL),
    'truth/stamp_s': Column((FINE,), REAL),
    'truth/name': Column((OBJECTS,), np.str_),
    'truth/present': Column((OBJECTS,), FLAG),
    'truth/actor': Column((OBJECTS,), FLAG),
    'truth/center_m': Column((OBJECTS, 3), REAL),
    'truth/T_world_object': Column((FINE, OBJECTS, 4, 4), REAL),
    'truth/twist': Column((FINE, OBJECTS, 6), REAL),
    'truth/mass_kg': Column((OBJECTS,), REAL),
    'truth/friction': Column((OBJECTS,), REAL),
    'truth/rolling_friction_m': Column((OBJECTS,), REAL),
    'truth/spinning_friction_m': Column((OBJECTS,), REAL),
    'truth/restitution': Column((OBJECTS,), REAL),
    'truth/center_of_mass_m': Column((OBJECTS, 3), REAL),
    'truth/inertia_kgm2': Column((OBJECTS, 3), REAL),
    'truth/extent_m': Column((OBJECTS, 3), REAL),
    'truth/slot': Column((OBJECTS,), WHOLE),
    'truth/belt_mps': Column((FINE, 3), REAL, since_start=False),
    'truth/undisturbed_s': Column((), REAL, since_start=False),
    'sensors/T_world_camera': Column((4, 4), REAL),
    'sensors/T_world_lidar': Column((4, 4), REAL),
    'sensors/camera_noise': Column((), REAL),
    'sensors/lidar_noise_m': Column((), REAL),
    'sensors/camera_latency_s': Column((), REAL),
    'sensors/lidar_latency_s': Column((), REAL),
}
Episode = dict[str, np.ndarray]


def empty_episode() -> Episode:
    """Every column but the names, zero."""
    return {n: np.zeros(c.shape, c.kind) for n, c in COLUMNS.items() if c.kind is not np.str_}
