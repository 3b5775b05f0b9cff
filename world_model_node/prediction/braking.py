"""How fast each object brakes, from assumed friction and from its own past."""

from __future__ import annotations

from collections import deque

import numpy as np

from sakiyomi.scene import Gaussian, ObjectState, Scene

HISTORY = 7
FIT_SPAN_S = 0.25
MIN_SPEEDS = 4
DRIVEN_MPS2 = 0.1  # what brakes less is carried along, or rolls
SPEED_FLOOR_MPS = 0.005  # a speed is never known better than this
MOVING_MPS = 0.03
UP_TO_SPEED = 0.8  # of the greatest speed seen: the tracker takes a while to believe all of it


class Braking:
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
            if o.held or speed < MOVING_MPS:
                self._speeds[o.id].clear()
            elif o.visible:
                self._speeds[o.id].append((scene.stamp_s, speed))

    def of(self, state: ObjectState) -> Gaussian:
        """Its deceleration [m/s^2]: sliding friction, unless its own past says otherwise.

        A conveyor's load keeps its speed and a ball rolls on: both show in the slope of the speed.
        """
        mu, g = state.properties.friction, self.gravity_mps2
        prior = Gaussian(mu.mean * g, mu.variance * g**2)
        past = np.array(self._speeds.get(state.id, ())).reshape(-1, 2)
        past = since_pushed(past)
        if len(past) < MIN_SPEEDS or np.ptp(past[:, 0]) < FIT_SPAN_S:
            return prior
        slope, variance = fitted_slope(past[:, 0], past[:, 1])
        gain = prior.variance / (prior.variance + variance)
        mean = prior.mean + gain * (-slope - prior.mean)
        variance = (1.0 - gain) * prior.variance
        driven = mean < 2.0 * np.sqrt(variance) + DRIVEN_MPS2
        return Gaussian(0.0 if driven else mean, variance)


def since_pushed(past: np.ndarray) -> np.ndarray:
    """The part of (N, 2) stamps and speeds after the object was brought up to speed."""
    if not len(past):
        return past
    return past[int(np.argmax(past[:, 1] >= UP_TO_SPEED * past[:, 1].max())) :]


def fitted_slope(t: np.ndarray, speed: np.ndarray) -> tuple[float, float]:
    """Slope [m/s^2] of speeds over time by least squares, and its variance."""
    t = t - t.mean()
    square = float(t @ t)
    slope = float(t @ speed / square)
    residual = speed - speed.mean() - slope * t
    noise = float(residual @ residual) / (len(t) - 2) + SPEED_FLOOR_MPS**2
    return slope, noise / square
