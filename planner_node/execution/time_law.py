"""Time laws: the own time of a motion over the robot's clock, always with an end at rest.

Slowing a fixed path down keeps the arm on it, so a motion that was free of collisions stays free
while it brakes (path-velocity decomposition; Kant and Zucker, IJRR 5(3), 1986).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.scene import JointTrajectory

STEP_S = 0.02


@dataclass(frozen=True)
class TimeLaw:
    """Samples of a law; before the first and after the last the motion stands still."""

    times_s: np.ndarray  # (K,) robot's clock
    path_s: np.ndarray  # (K,) the motion's own time
    rate: np.ndarray  # (K,) of the one over the other, in [0, 1]; 0 at the end

    def at(self, now_s: float) -> tuple[float, float]:
        """The motion's own time [s] and its rate at an instant."""
        path_s = float(np.interp(now_s, self.times_s, self.path_s))
        rate = float(np.interp(now_s, self.times_s, self.rate, left=0.0, right=0.0))
        return path_s, rate

    @property
    def end_s(self) -> float:
        """The instant of rest in the robot's clock."""
        return float(self.times_s[-1])


def standstill(now_s: float, path_s: float) -> TimeLaw:
    """The law of a motion that rests at a point of its path."""
    return TimeLaw(np.array([now_s]), np.array([path_s]), np.zeros(1))


def time_law(
    now_s: float,
    start: tuple[float, float],
    speed_scale: float,
    window_s: float,
    braking_s: float,
    duration_s: float,
) -> TimeLaw:
    """Go on from `start` towards a speed for a while, then brake to rest.

    Args:
        now_s: robot's clock.
        start: own time [s] and rate at `now_s`.
        speed_scale: rate to go at, in [0, 1].
        window_s: how long, before the brakes are put on.
        braking_s: how long it takes from rate 1 to rest.
        duration_s: of the motion; it ends there at the latest.
    """
    path_s, rate = start
    t = np.arange(int(np.ceil((window_s + braking_s) / STEP_S)) + 2) * STEP_S
    steepest = t / braking_s
    ramp = rate + np.clip(speed_scale - rate, -steepest, steepest)
    last = np.interp(window_s, t, ramp)
    braking = np.maximum(last - np.maximum(t - window_s, 0.0) / braking_s, 0.0)
    rates = np.where(t <= window_s, ramp, np.minimum(ramp, braking))
    way = np.concatenate([[0.0], np.cumsum(0.5 * (rates[1:] + rates[:-1]) * STEP_S)])
    own = np.minimum(path_s + way, duration_s)
    at_rest = (rates <= 0.0) & (t > 0.0) & ((t > window_s) | (speed_scale <= 0.0))
    over = (own >= duration_s) | at_rest
    count = int(np.argmax(over)) + 1 if over.any() else len(t)
    rates = np.append(rates[: count - 1], 0.0)
    return TimeLaw(now_s + t[:count], own[:count], rates)


def apply_time_law(trajectory: JointTrajectory, law: TimeLaw) -> JointTrajectory:
    """The motion as the law plays it, from the law's first sample on."""
    q, dq = trajectory.sample(law.path_s)
    return JointTrajectory(law.times_s - law.times_s[0], q, dq * law.rate[:, None])
