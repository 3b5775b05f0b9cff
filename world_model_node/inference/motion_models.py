"""Closed-form motion of an object that nothing holds: slide to rest, fly, bounce."""

from __future__ import annotations

import numpy as np

MAX_BOUNCES = 6
MIN_BOUNCE_MPS = 0.05


def slide(speed_mps: float, deceleration: float, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance [m] and speed [m/s] after times `t` [s] under a constant deceleration [m/s^2]."""
    if deceleration <= 1e-9:
        return speed_mps * t, np.full_like(t, speed_mps)
    s = np.minimum(t, speed_mps / deceleration)
    return speed_mps * s - 0.5 * deceleration * s**2, speed_mps - deceleration * s


def ballistic(
    velocity: np.ndarray,
    clearance_m: float,
    restitution: float,
    deceleration: float,
    gravity: float,
    t: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Displacement and velocity (H, 3) of a body whose lowest point starts above the table.

    Ballistic until it touches; each bounce keeps `restitution` of the vertical speed and costs
    friction of the level speed; at the end it slides.
    """
    displacement, speed = np.zeros((len(t), 3)), np.zeros((len(t), 3))
    start_s, height, v = 0.0, max(clearance_m, 0.0), np.array(velocity, float)
    origin = np.zeros(2)
    for _ in range(MAX_BOUNCES):
        fall_s = (v[2] + np.sqrt(v[2] ** 2 + 2.0 * gravity * height)) / gravity
        in_flight = (t >= start_s) & (t < start_s + fall_s)
        s = t[in_flight] - start_s
        displacement[in_flight, :2] = origin + s[:, None] * v[:2]
        displacement[in_flight, 2] = height - clearance_m + v[2] * s - 0.5 * gravity * s**2
        speed[in_flight, :2], speed[in_flight, 2] = v[:2], v[2] - gravity * s
        start_s, origin, height = start_s + fall_s, origin + fall_s * v[:2], 0.0
        v = _bounce(v, v[2] - gravity * fall_s, restitution, deceleration / gravity)
        if v[2] < MIN_BOUNCE_MPS:
            break
    after = t >= start_s
    planar = float(np.linalg.norm(v[:2]))
    along, rate = slide(planar, deceleration, t[after] - start_s)
    heading = v[:2] / planar if planar > 1e-9 else np.zeros(2)
    displacement[after, :2] = origin + along[:, None] * heading
    displacement[after, 2] = -clearance_m
    speed[after, :2] = rate[:, None] * heading
    return displacement, speed


def _bounce(v: np.ndarray, impact: float, restitution: float, friction: float) -> np.ndarray:
    """The velocity after an impact at vertical speed `impact` < 0 [m/s], by Coulomb's impulse."""
    rebound = -restitution * impact
    planar = float(np.linalg.norm(v[:2]))
    kept = max(0.0, planar - friction * (rebound - impact)) / planar if planar > 1e-9 else 0.0
    return np.array([*(kept * v[:2]), rebound])
