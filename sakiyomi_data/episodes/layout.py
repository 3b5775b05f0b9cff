"""The columns of an episode: names, shapes, kinds. docs/collect.md says what they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi_data.scenarios.interaction import HISTORY_S, HORIZON_S

VERSION = 1
FRAME_PERIOD_S, SAMPLE_PERIOD_S = 0.1, 0.05  # of the fusion; of touch, the plan and the truth
T0_FRAME = round(HISTORY_S / FRAME_PERIOD_S)  # index of the frame at t0
NUM_FRAMES = T0_FRAME + round(HORIZON_S / FRAME_PERIOD_S) + 1
T0_SAMPLE = round(HISTORY_S / SAMPLE_PERIOD_S)
NUM_SAMPLES = T0_SAMPLE + round(HORIZON_S / SAMPLE_PERIOD_S) + 1
NUM_PLAN_STEPS = round(HORIZON_S / SAMPLE_PERIOD_S) + 1
NUM_TRACK_SLOTS = 4  # tracks kept of an episode
NUM_POINTS = 96
NUM_OBJECTS = 3  # true ones

PROPERTY_NAMES = (
    'mass_kg',
    'friction',
    'restitution',
    'rolling_friction_m',
    'spinning_friction_m',
)
REAL, WHOLE, FLAG = np.float32, np.int32, np.bool_


@dataclass(frozen=True)
class Column:
    """One array of an episode."""

    shape: tuple[int, ...]
    kind: type
    in_all_versions: bool = True  # or NaN in older files, which lack it


COLUMNS: dict[str, Column] = {
    'episode/scenario': Column((), np.str_),
    'episode/index': Column((), WHOLE),
    'episode/tracked': Column((), FLAG),
    'frames/stamp_s': Column((NUM_FRAMES,), REAL),
    'frames/table_height_m': Column((NUM_FRAMES,), REAL),
    'frames/id': Column((NUM_TRACK_SLOTS,), WHOLE),
    'frames/present': Column((NUM_FRAMES, NUM_TRACK_SLOTS), FLAG),
    'frames/visible': Column((NUM_FRAMES, NUM_TRACK_SLOTS), FLAG),
    'frames/held': Column((NUM_FRAMES, NUM_TRACK_SLOTS), FLAG),
    'frames/T_world_object': Column((NUM_FRAMES, NUM_TRACK_SLOTS, 4, 4), REAL),
    'frames/pose_covariance': Column((NUM_FRAMES, NUM_TRACK_SLOTS, 6, 6), REAL),
    'frames/twist': Column((NUM_FRAMES, NUM_TRACK_SLOTS, 6), REAL),
    'frames/twist_covariance': Column((NUM_FRAMES, NUM_TRACK_SLOTS, 6, 6), REAL),
    'frames/points_m': Column((NUM_FRAMES, NUM_TRACK_SLOTS, NUM_POINTS, 3), REAL),
    'frames/guessed': Column((NUM_FRAMES, NUM_TRACK_SLOTS, NUM_POINTS), FLAG),
    'frames/properties': Column((NUM_FRAMES, NUM_TRACK_SLOTS, 6), REAL),
    'frames/center_of_mass_m': Column((NUM_FRAMES, NUM_TRACK_SLOTS, 3), REAL),
    'frames/center_of_mass_covariance': Column((NUM_FRAMES, NUM_TRACK_SLOTS, 3, 3), REAL),
    'hand/present': Column((), FLAG),
    'hand/stamp_s': Column((NUM_SAMPLES,), REAL),
    'hand/T_world_grasp': Column((NUM_SAMPLES, 4, 4), REAL),
    'hand/finger_width_m': Column((NUM_SAMPLES,), REAL),
    'hand/force_limit_n': Column((NUM_SAMPLES,), REAL),
    'hand/pad_force_n': Column((NUM_SAMPLES, 2, 3), REAL),
    'hand/pad_point_m': Column((NUM_SAMPLES, 2, 3), REAL),
    'hand/pad_normal': Column((NUM_SAMPLES, 2, 3), REAL),
    'hand/pad_contact': Column((NUM_SAMPLES, 2), FLAG),
    'hand/wrench': Column((NUM_SAMPLES, 6), REAL),
    'action/times_s': Column((NUM_PLAN_STEPS,), REAL),
    'action/T_world_grasp': Column((NUM_PLAN_STEPS, 4, 4), REAL),
    'action/finger_width_m': Column((NUM_PLAN_STEPS,), REAL),
    'action/force_n': Column((NUM_PLAN_STEPS,), REAL),
    'truth/stamp_s': Column((NUM_SAMPLES,), REAL),
    'truth/name': Column((NUM_OBJECTS,), np.str_),
    'truth/present': Column((NUM_OBJECTS,), FLAG),
    'truth/actor': Column((NUM_OBJECTS,), FLAG),
    'truth/center_m': Column((NUM_OBJECTS, 3), REAL),
    'truth/T_world_object': Column((NUM_SAMPLES, NUM_OBJECTS, 4, 4), REAL),
    'truth/twist': Column((NUM_SAMPLES, NUM_OBJECTS, 6), REAL),
    'truth/mass_kg': Column((NUM_OBJECTS,), REAL),
    'truth/friction': Column((NUM_OBJECTS,), REAL),
    'truth/rolling_friction_m': Column((NUM_OBJECTS,), REAL),
    'truth/spinning_friction_m': Column((NUM_OBJECTS,), REAL),
    'truth/restitution': Column((NUM_OBJECTS,), REAL),
    'truth/center_of_mass_m': Column((NUM_OBJECTS, 3), REAL),
    'truth/inertia_kgm2': Column((NUM_OBJECTS, 3), REAL),
    'truth/extent_m': Column((NUM_OBJECTS, 3), REAL),
    'truth/slot': Column((NUM_OBJECTS,), WHOLE),
    'truth/belt_mps': Column((NUM_SAMPLES, 3), REAL, in_all_versions=False),
    'truth/undisturbed_s': Column((), REAL, in_all_versions=False),
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
