"""How fast each object brakes, from assumed friction and from its own past."""

from __future__ import annotations

from collections import deque

import numpy as np

from sakiyomi.scene import Gaussian, ObjectState, Scene

HISTORY = 7
MIN_FIT_SPAN_S = 0.25
MIN_SPEEDS = 4
MIN_DECELERATION_MPS2 = 0.1  # what brakes less is carried along, or rolls
MIN_SPEED_SIGMA_MPS = 0.005  # a speed is never known better than this
MIN_MOVING_MPS = 0.03
# of the greatest speed seen: the tracker takes a while to believe all of it
MIN_PEAK_SPEED_RATIO = 0.8


class DecelerationEstimator:
    """Level speeds of the last half second or so, per object."""

    def __init__(self, gravity_mps2: float) -> None:
        self.gravity_mps2 = gravity_mps2
        self._speeds: dict[int, deque[tuple[float, float]]] = {}

    def reset(self) -> None:
        """Forget every object."""
        self._speeds.clear()

    def observe(self, scene: Scene) -> None:
        """Note the speed of each visible object; rest or a hand ends its history."""
        self._speeds = {o.id: self._speeds.get(o.id, deque(maxlen=HISTORY)) for o in scene.objects}
        for o in scene.objects:
            speed = float(np.linalg.norm(o.twist[:2]))
            if o.held or speed < MIN_MOVING_MPS:
                self._speeds[o.id].clear()
            elif o.visible:
                self._speeds[o.id].append((scene.stamp_s, speed))

    def estimate(self, state: ObjectState) -> Gaussian:
        """Its deceleration [m/s^2]: sliding friction, unless its own past says otherwise.

        A conveyor's load keeps its speed and a ball rolls on: both show in the slope of the speed.
        """
        mu, g = state.properties.friction, self.gravity_mps2
        prior = Gaussian(mu.mean * g, mu.variance * g**2)
        history = np.array(self._speeds.get(state.id, ())).reshape(-1, 2)
        history = since_peak_speed(history)
        if len(history) < MIN_SPEEDS or np.ptp(history[:, 0]) < MIN_FIT_SPAN_S:
            return prior
        slope, variance = fit_slope(history[:, 0], history[:, 1])
        gain = prior.variance / (prior.variance + variance)
        mean = prior.mean + gain * (-slope - prior.mean)
        variance = (1.0 - gain) * prior.variance
        is_driven = mean < 2.0 * np.sqrt(variance) + MIN_DECELERATION_MPS2
        return Gaussian(0.0 if is_driven else mean, variance)


def since_peak_speed(history: np.ndarray) -> np.ndarray:
    """The part of (N, 2) stamps and speeds after the object was brought up to speed."""
    if not len(history):
        return history
    return history[int(np.argmax(history[:, 1] >= MIN_PEAK_SPEED_RATIO * history[:, 1].max())) :]


def fit_slope(t: np.ndarray, speed: np.ndarray) -> tuple[float, float]:
    """Slope [m/s^2] of speeds over time by least squares, and its variance."""
    t = t - t.mean()
    sum_of_squares = float(t @ t)
    slope = float(t @ speed / sum_of_squares)
    residual = speed - speed.mean() - slope * t
    noise = float(residual @ residual) / (len(t) - 2) + MIN_SPEED_SIGMA_MPS**2
    return slope, noise / sum_of_squares
