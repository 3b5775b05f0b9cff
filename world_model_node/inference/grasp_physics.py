"""Whether a closing hand catches an object, and whether friction then carries it."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from sakiyomi.geometry import inverse
from sakiyomi.scene import HiddenProperties

TORSION_LEVER_ARM_M = 0.03  # a centre of mass so far from the grip doubles the squared load
MIN_POINTS_BETWEEN_PADS = 3
MAX_SQUEEZE_M = 0.002


def find_grasp_step(
    T_world_object: np.ndarray,
    points_m: np.ndarray,
    T_world_grasp: np.ndarray,
    finger_width_m: np.ndarray,
    half_width_m: float,
) -> int | None:
    """The first of H steps at which pads of that half width have closed on the object, or None."""
    T = inverse(T_world_grasp) @ T_world_object  # (H, 4, 4) object in the grasp frame
    p = np.einsum('hij,pj->hpi', T[:, :3, :3], points_m.astype(float)) + T[:, None, :3, 3]
    between_pads = (np.abs(p[..., 0]) < half_width_m) & (np.abs(p[..., 2]) < half_width_m)
    low = np.where(between_pads, p[..., 1], np.inf).min(axis=1)
    high = np.where(between_pads, p[..., 1], -np.inf).max(axis=1)
    open_m = np.maximum.accumulate(finger_width_m)
    is_straddled = (high < 0.5 * open_m) & (low > -0.5 * open_m)
    is_closed = finger_width_m <= high - low + MAX_SQUEEZE_M
    is_grasped = is_straddled & is_closed & (between_pads.sum(axis=1) >= MIN_POINTS_BETWEEN_PADS)
    is_grasped &= finger_width_m < open_m - 1e-6
    return int(np.argmax(is_grasped)) if is_grasped.any() else None


def grasp_hold_probability(
    force_n: float, acceleration_mps2: np.ndarray, arm_m: np.ndarray, properties: HiddenProperties
) -> np.ndarray:
    """The probability that 2 mu F exceeds the load m a, lever arm included. Shape (H,).

    Friction and mass are independent normals, so their difference is one too: closed form.

    Args:
        force_n: grip force on each pad [N].
        acceleration_mps2: gravity and the hand's acceleration together, (H,) [m/s^2].
        arm_m: distance of the centre of mass from the axis between the pads, (H,) [m].
        properties: the belief about the object.
    """
    mu, mass = properties.friction, properties.mass_kg
    a = acceleration_mps2 * np.sqrt(1.0 + (arm_m / TORSION_LEVER_ARM_M) ** 2)
    margin = 2.0 * force_n * mu.mean - mass.mean * a
    variance = (2.0 * force_n) ** 2 * mu.variance + mass.variance * a**2
    return ndtr(margin / np.sqrt(np.maximum(variance, 1e-12)))


def gravito_inertial_acceleration(
    T_world_grasp: np.ndarray, after_s: np.ndarray, gravity: float
) -> np.ndarray:
    """Magnitude (H,) [m/s^2] of gravity and the hand's acceleration along its way."""
    if len(after_s) < 3:
        return np.full(len(after_s), gravity)
    velocity = np.gradient(T_world_grasp[:, :3, 3], after_s, axis=0)
    acceleration = np.gradient(velocity, after_s, axis=0)
    return np.linalg.norm(acceleration + np.array([0.0, 0.0, gravity]), axis=1)
