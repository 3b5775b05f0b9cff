"""Time-optimal timing of a joint path under velocity and acceleration limits, with toppra.

Source: Pham and Pham, A new approach to time-optimal path parameterization based on reachability
analysis, IEEE T-RO 34(3), 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import toppra
from toppra import algorithm, constraint

from sakiyomi.scene import JointTrajectory

NUM_GRID_POINTS = 120
NUM_CHECK_POINTS = 400

toppra.setup_logging('ERROR')


@dataclass(frozen=True)
class JointLimits:
    """Largest joint speeds [rad/s] and accelerations [rad/s^2]. Shape (n,)."""

    dq_max: np.ndarray
    ddq_max: np.ndarray


def parameterize_path(
    waypoints: np.ndarray,
    limits: JointLimits,
    sample_period_s: float,
    length_m: np.ndarray | None = None,
    speed_mps: float = np.inf,
    acceleration_mps2: float = 1.0,
) -> JointTrajectory | None:
    """The fastest motion along a smooth curve through the waypoints, at rest at both ends.

    Args:
        waypoints: joint angles [rad]. Shape (W, n).
        limits: joint limits.
        sample_period_s: spacing of the samples [s]; the last one is shorter.
        length_m: distance that the hand has gone at each waypoint, to bound its speed. Shape (W,).
        speed_mps: the bound [m/s].
        acceleration_mps2: and how fast the hand reaches it [m/s^2].

    Returns:
        The trajectory, or None when toppra finds none.
    """
    path = np.asarray(waypoints, dtype=float)
    dq_max, ddq_max = limits.dq_max, limits.ddq_max
    if length_m is not None:  # the distance is one more coordinate with limits of its own
        path = np.column_stack([path, length_m])
        dq_max, ddq_max = np.append(dq_max, speed_mps), np.append(ddq_max, acceleration_mps2)
    path = _without_repeats(path)
    n = np.shape(waypoints)[1]
    if len(path) < 2:
        return stationary_trajectory(path[0, :n])
    timed = _time_optimal(path, dq_max, ddq_max)
    if timed is None:
        return None
    return _sample(timed, n, sample_period_s, _slowdown_factor(timed, dq_max, ddq_max))


def stationary_trajectory(q: np.ndarray) -> JointTrajectory:
    """A motion of no length."""
    return JointTrajectory(times_s=np.zeros(1), q=q[None].copy(), dq=np.zeros((1, len(q))))


def densify(corners: np.ndarray, spacing_rad: float) -> np.ndarray:
    """Points on a polyline no further apart than `spacing_rad` in any joint, corners included."""
    rows = [corners[:1]]
    for a, b in pairwise(corners):
        count = max(1, int(np.ceil(np.abs(b - a).max() / spacing_rad)))
        rows.append(a + (b - a) * (np.arange(1, count + 1) / count)[:, None])
    return np.vstack(rows)


def _without_repeats(path: np.ndarray) -> np.ndarray:
    moved = np.abs(np.diff(path, axis=0)).max(axis=1) > 1e-6
    return path[np.append(True, moved)]


def _time_optimal(
    path: np.ndarray, dq_max: np.ndarray, ddq_max: np.ndarray
) -> toppra.interpolator.AbstractGeometricPath | None:
    s = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1)))
    curve = toppra.SplineInterpolator(s, path)
    limits = [
        constraint.JointVelocityConstraint(np.column_stack([-dq_max, dq_max])),
        constraint.JointAccelerationConstraint(np.column_stack([-ddq_max, ddq_max])),
    ]
    grid = np.union1d(np.linspace(0.0, s[-1], NUM_GRID_POINTS), s)
    problem = algorithm.TOPPRA(
        limits, curve, gridpoints=grid, parametrizer='ParametrizeConstAccel'
    )
    return problem.compute_trajectory(0.0, 0.0)


def _slowdown_factor(
    timed: toppra.interpolator.AbstractGeometricPath, dq_max: np.ndarray, ddq_max: np.ndarray
) -> float:
    """How much slower the motion must be: toppra keeps limits on its grid, not in between."""
    times = np.linspace(0.0, timed.duration, NUM_CHECK_POINTS)
    speed = np.abs(timed(times, 1) / dq_max).max()
    acceleration = np.abs(timed(times, 2) / ddq_max).max()
    return max(1.0, float(speed), float(np.sqrt(acceleration)))


def _sample(
    timed: toppra.interpolator.AbstractGeometricPath, n: int, period_s: float, slowdown: float
) -> JointTrajectory:
    duration = float(timed.duration) * slowdown
    count = max(1, int(np.ceil(duration / period_s - 1e-9)))
    times = np.append(np.arange(count) * period_s, duration)
    own = np.minimum(times / slowdown, timed.duration)
    dq = timed(own, 1)[:, :n] / slowdown
    dq[[0, -1]] = 0.0
    return JointTrajectory(times_s=times, q=timed(own)[:, :n], dq=dq)
