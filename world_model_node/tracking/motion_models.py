"""Closed-form motion of a free object: slide to rest, fall, bounce, roll."""

from __future__ import annotations

import numpy as np

MAX_BOUNCES = 6
MIN_BOUNCE_MPS = 0.05
MIN_DECELERATION_MPS2 = 1e-9  # a smaller deceleration counts as zero


def slide(speed_mps: float, deceleration: float, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance [m] and speed [m/s] after times `t` [s] under a constant deceleration [m/s^2]."""
    if deceleration <= MIN_DECELERATION_MPS2:
        return speed_mps * t, np.full_like(t, speed_mps)
    s = braking_time(speed_mps, deceleration, t)
    return speed_mps * s - 0.5 * deceleration * s**2, speed_mps - deceleration * s


def braking_time(speed_mps, deceleration, t):
    """The part of the times `t` [s] until a speed [m/s] has been braked to zero."""
    return np.clip(speed_mps / np.maximum(deceleration, MIN_DECELERATION_MPS2), 0.0, t)


def braking_loss(deceleration, braking_s, t):
    """Distance [m] and speed [m/s] that braking for `braking_s` [s] costs within times `t` [s]."""
    return deceleration * braking_s * (t - 0.5 * braking_s), deceleration * braking_s


def free_fall(gravity, t):
    """Drop [m] and gain of downward speed [m/s] after times `t` [s] of free fall."""
    return 0.5 * gravity * t**2, gravity * t


def roll(travel_m: np.ndarray, radius_m: float) -> np.ndarray:
    """The rotation vector (3,) [rad] of a ball that rolls along `travel_m` (3,) on a table."""
    return np.array([-travel_m[1], travel_m[0], 0.0]) / radius_m


def ballistic(
    velocity: np.ndarray,
    clearance_m: float,
    restitution: float,
    deceleration: float,
    gravity: float,
    t: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Displacement and velocity (H, 3) of a body whose lowest point starts above the table.

    The body flies until contact; each bounce keeps `restitution` of the vertical speed and
    costs friction of the horizontal speed; at the end the body slides.
    """
    displacement, speed = np.zeros((len(t), 3)), np.zeros((len(t), 3))
    start_s, height, v = 0.0, max(clearance_m, 0.0), np.array(velocity, float)
    origin = np.zeros(2)
    for _ in range(MAX_BOUNCES):
        fall_s = (v[2] + np.sqrt(v[2] ** 2 + 2.0 * gravity * height)) / gravity
        in_flight = (t >= start_s) & (t < start_s + fall_s)
        s = t[in_flight] - start_s
        drop, fall_speed = free_fall(gravity, s)
        displacement[in_flight, :2] = origin + s[:, None] * v[:2]
        displacement[in_flight, 2] = height - clearance_m + v[2] * s - drop
        speed[in_flight, :2], speed[in_flight, 2] = v[:2], v[2] - fall_speed
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
