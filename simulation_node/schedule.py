"""When each sensor is due, and how simulated time keeps pace with real time."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_LAG_S = 0.1  # largest lag that the clock makes up for; a larger one is dropped


@dataclass(frozen=True)
class Schedule:
    """Sensors that fire at multiples of their period, in whole physics steps.

    Stamps depend on nothing but the rates, so that the same seed gives the same readings however
    fast or slow the simulation runs.
    """

    physics_hz: int
    rates_hz: dict[str, float]

    def period(self, name: str) -> int:
        """Physics steps between two readings."""
        return max(1, round(self.physics_hz / self.rates_hz[name]))

    def due(self, name: str, step: int) -> bool:
        """Whether this sensor reads at this step."""
        return step % self.period(name) == 0

    def steps_to_next(self, step: int) -> int:
        """Physics steps until any sensor reads."""
        return min(self.period(name) - step % self.period(name) for name in self.rates_hz)


class Pacer:
    """Simulated time that follows real time and never hurries to make up for a long delay."""

    def __init__(self, factor: float):
        self.factor = factor
        self.measured_factor = math.nan
        self._anchor: tuple[float, float] | None = None  # real [s], simulated [s]
        self._second: tuple[float, float] | None = None

    def behind(self, real_s: float, simulated_s: float) -> bool:
        """Whether simulated time may go on; a factor of 0 sets no limit."""
        self._measure(real_s, simulated_s)
        if self.factor == 0.0:
            return True
        if self._anchor is None:
            self._anchor = (real_s, simulated_s)
        real_0_s, simulated_0_s = self._anchor
        lag_s = (real_s - real_0_s) * self.factor - (simulated_s - simulated_0_s)
        if lag_s > MAX_LAG_S * self.factor or lag_s < -MAX_LAG_S * self.factor:
            self._anchor = (real_s, simulated_s)
        return lag_s >= 0.0

    def _measure(self, real_s: float, simulated_s: float) -> None:
        if self._second is None or simulated_s < self._second[1]:
            self._second = (real_s, simulated_s)
        elapsed_s = real_s - self._second[0]
        if elapsed_s >= 1.0:
            self.measured_factor = (simulated_s - self._second[1]) / elapsed_s
            self._second = (real_s, simulated_s)
