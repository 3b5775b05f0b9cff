"""How long it takes from a sensor's stamp to what is made of it."""

from __future__ import annotations

import time
from typing import NamedTuple


class NewestReading(NamedTuple):
    """The newest reading, and when it came in."""

    stamp_s: float = 0.0
    delay_s: float = 0.0  # until its arrival, in the node's clock
    arrived_s: float = 0.0  # in real time

    @property
    def latency_s(self) -> float:
        """From its stamp until now."""
        return self.delay_s + time.perf_counter() - self.arrived_s


class Latency:
    """Adds the delay of the newest reading's arrival to the real time that passed since.

    A simulated clock stands still while a node computes, as it is a topic like any other.
    """

    def __init__(self) -> None:
        self.newest = NewestReading(arrived_s=time.perf_counter())

    def arrived(self, stamp_s: float, now_s: float) -> None:
        """A reading of that stamp has come in; `now_s` is the node's clock."""
        if stamp_s >= self.newest.stamp_s:
            self.newest = NewestReading(stamp_s, max(now_s - stamp_s, 0.0), time.perf_counter())
