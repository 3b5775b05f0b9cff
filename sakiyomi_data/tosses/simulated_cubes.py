"""Cubes that do not exist, thrown in PyBullet and recorded as a motion capture would.

Friction and restitution are those of our episodes (physical_properties.py of the simulation).
The throws are what a hand does in front of a table: 0.05 to 0.3 m of free height, about a metre
a second, about half a turn a second.
Velocities are differences to the frame before, as in the recordings
of ContactNets (Pfrommer, Halm and Posa, CoRL 2020), so that the first one still has the hand in
it.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.constants import GRAVITY_MPS2
from sakiyomi_data.tosses.recordings import Tosses
from sakiyomi_data.tosses.tossed_cube import CubeProperties, TossedCube
from simulation_node.bodies.physical_properties import FRICTION_RANGE, RESTITUTION_RANGE

RATE_HZ, NUM_FRAMES = 148.0, 90
WIDTH_RANGE_M, MASS_KG = (0.08, 0.12), 0.37
GYRATION_RANGE = (1.0 / 6.0, 5.0 / 18.0)  # solid, hollow
AXIAL_RANGE = (0.85, 1.15)
MAX_CENTER_OFFSET_SHARE = 0.05  # of the width, to each side
HEIGHT_RANGE_M = (0.05, 0.3)  # of the middle above where a corner could touch
HORIZONTAL_SPEED_RANGE_MPS, VERTICAL_SPEED_SIGMA_MPS, SPIN_SIGMA_RADPS = (0.3, 1.8), 0.3, 3.0
RELEASE_SIGMA_MPS, RELEASE_SIGMA_RADPS = 0.01, 0.2  # what the hand still changes in its last frame
POSITION_NOISE_M, ROTATION_NOISE_RAD = 5e-5, 2e-4  # of a tracked pose
WIDTH_SIGMA_SHARE = 0.02  # sigma of the width that is written down


def sample_cube(rng: np.random.Generator) -> CubeProperties:
    """A cube and its surface."""
    width_m = float(rng.uniform(*WIDTH_RANGE_M))
    return CubeProperties(
        width_m=width_m,
        mass_kg=MASS_KG,
        friction=float(rng.uniform(*FRICTION_RANGE)),
        restitution=float(rng.uniform(*RESTITUTION_RANGE)),
        radius_squared=float(rng.uniform(*GYRATION_RANGE)),
        axial_ratio=float(rng.uniform(*AXIAL_RANGE)),
        center_m=width_m * rng.uniform(-MAX_CENTER_OFFSET_SHARE, MAX_CENTER_OFFSET_SHARE, 3),
    )


def simulate_tosses(cube: CubeProperties, count: int, rng: np.random.Generator) -> Tosses:
    """Recordings of `count` throws of one cube."""
    body = TossedCube(cube, RATE_HZ)
    try:
        recorded = [_record(_throw(body, rng), rng) for _ in range(count)]
    finally:
        body.close()
    series = [np.stack(values).astype(np.float32) for values in zip(*recorded, strict=True)]
    nominal_m = cube.width_m * (1.0 + WIDTH_SIGMA_SHARE * float(rng.standard_normal()))
    return Tosses(*series, np.full(count, NUM_FRAMES), RATE_HZ, nominal_m)


def _throw(body: TossedCube, rng: np.random.Generator) -> np.ndarray:
    """Poses x y z, qx qy qz qw; the first one is still in the hand. Shape (1 + T, 7)."""
    cube, h = body.cube, 1.0 / RATE_HZ
    direction, horizontal_mps = (
        rng.uniform(0.0, 2.0 * np.pi),
        rng.uniform(*HORIZONTAL_SPEED_RANGE_MPS),
    )
    velocity = np.r_[
        horizontal_mps * np.cos(direction),
        horizontal_mps * np.sin(direction),
        VERTICAL_SPEED_SIGMA_MPS * rng.normal(),
    ]
    height = np.sqrt(0.75) * cube.width_m + rng.uniform(*HEIGHT_RANGE_M)
    position = np.r_[0.1 * rng.standard_normal(2), height]
    spin = SPIN_SIGMA_RADPS * rng.standard_normal(3)
    rotation = Rotation.random(random_state=rng)
    flight = body.throw(position, rotation.as_quat(), velocity, spin, NUM_FRAMES)
    velocity_change, spin_change = (
        RELEASE_SIGMA_MPS * rng.standard_normal(3),
        RELEASE_SIGMA_RADPS * rng.standard_normal(3),
    )
    before = Rotation.from_rotvec(-h * (spin - spin_change)) * rotation
    fall = np.r_[0.0, 0.0, 0.5 * GRAVITY_MPS2 * h**2]
    middle = position - h * (velocity - velocity_change) - fall - before.apply(cube.center_m)
    return np.concatenate([np.r_[middle, before.as_quat()][None], flight])


def _record(poses: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Position, rotation wxyz, velocity and spin as tracked, of all but the first. (T, ...)."""
    noise = Rotation.from_rotvec(ROTATION_NOISE_RAD * rng.standard_normal((len(poses), 3)))
    rotation = Rotation.from_quat(poses[:, 3:]) * noise
    position = poses[:, :3] + POSITION_NOISE_M * rng.standard_normal((len(poses), 3))
    velocity = np.diff(position, axis=0) * RATE_HZ
    spin = (rotation[:-1].inv() * rotation[1:]).as_rotvec() * RATE_HZ  # body frame
    wxyz = np.roll(rotation.as_quat(), 1, axis=1)
    return position[1:], wxyz[1:], velocity, spin
