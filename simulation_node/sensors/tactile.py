"""Taxels on the fingers' pads, the wrist's force sensor and the joints' encoders."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse, transform_points
from sakiyomi.robot.hand_geometry import HandGeometry
from sakiyomi.sensing import JointReading, TactileReading, WrenchReading
from simulation_node.config import TouchConfig

CONTACT_RANGE_M = 0.003  # largest distance from the pad's surface at which contacts are measured


def taxel_points(hand: HandGeometry) -> np.ndarray:
    """Centres of the taxels in the pad frame. Shape (rows * columns, 3) float32, rows along x."""
    rows, columns, length_m = hand.taxel_rows, hand.taxel_columns, hand.pad_length_m
    x = (np.arange(rows) + 0.5) / rows * length_m - length_m / 2
    y = (np.arange(columns) + 0.5) / columns * hand.pad_width_m - hand.pad_width_m / 2
    grid = np.stack(np.meshgrid(x, y, indexing='ij'), -1).reshape(-1, 2)
    return np.concatenate([grid, np.zeros((len(grid), 1))], -1).astype(np.float32)


def pad_contacts(
    points: np.ndarray, forces: np.ndarray, T_world_pad: np.ndarray, hand: HandGeometry
) -> tuple[np.ndarray, np.ndarray]:
    """The contacts that press on the pad's inner surface, in the pad frame.

    Args:
        points: (n, 3) m, world frame.
        forces: (n, 3) N on the finger, world frame.
        T_world_pad: (4, 4).
        hand: size of the pads.
    """
    points = transform_points(inverse(T_world_pad), points)
    forces = forces @ T_world_pad[:3, :3]
    felt = (forces[:, 2] > 0) & (np.abs(points[:, 2]) < CONTACT_RANGE_M)
    felt &= np.abs(points[:, 0]) < hand.pad_length_m / 2 + CONTACT_RANGE_M
    felt &= np.abs(points[:, 1]) < hand.pad_width_m / 2 + CONTACT_RANGE_M
    return points[felt], forces[felt]


def distribute_to_taxels(
    points: np.ndarray, forces: np.ndarray, taxels: np.ndarray, sigma_m: float
) -> np.ndarray:
    """Share contact forces (n, 3) among taxels (T, 3) so that their sum is kept. Shape (T, 3)."""
    if not len(points):
        return np.zeros((len(taxels), 3))
    d2 = ((points[:, None, :2] - taxels[None, :, :2]) ** 2).sum(-1)  # (n, T)
    nearest = d2.min(1, keepdims=True)
    weights = np.exp(-(d2 - nearest) / (2 * sigma_m**2))
    weights /= weights.sum(1, keepdims=True)
    return weights.T @ forces


def tactile_reading(
    side: str,
    contacts: tuple[np.ndarray, np.ndarray],
    hand: HandGeometry,
    config: TouchConfig,
    stamp_s: float,
    rng: np.random.Generator,
) -> TactileReading:
    """What the pad's taxels read of contacts in the pad frame."""
    taxels = taxel_points(hand)
    forces = distribute_to_taxels(*contacts, taxels, config.spread_m)
    forces = forces + config.taxel_noise_n * rng.standard_normal(forces.shape)
    return TactileReading(stamp_s, side, taxels, forces.astype(np.float32))


def wrench_reading(
    wrench: np.ndarray, config: TouchConfig, stamp_s: float, rng: np.random.Generator
) -> WrenchReading:
    """A (6,) wrench in the hand frame as the wrist's sensor reads it."""
    noise = rng.standard_normal(6)
    force = wrench[:3] + config.force_noise_n * noise[:3]
    return WrenchReading(stamp_s, force, wrench[3:] + config.torque_noise_nm * noise[3:])


def joint_reading(
    names: tuple[str, ...],
    q: np.ndarray,
    dq: np.ndarray,
    config: TouchConfig,
    stamp_s: float,
    rng: np.random.Generator,
) -> JointReading:
    """Positions and velocities as encoders read them."""
    noise = rng.standard_normal((2, len(q)))
    position = q + config.encoder_noise_rad * noise[0]
    return JointReading(stamp_s, names, position, dq + config.encoder_velocity_noise * noise[1])
