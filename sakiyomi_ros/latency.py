"""How long it takes from a sensor's stamp to what is made of it."""

from __future__ import annotations

import time


class Latency:
    """Adds the delay of the newest reading's arrival to the real time that passed since.

    A simulated clock stands still while a node computes, as it is a topic like any other.
    """

    def __init__(self) -> None:
        self.stamp_s = 0.0
        self._delay_s = 0.0
        self._arrived_s = time.perf_counter()

    def arrived(self, stamp_s: float, now_s: float) -> None:
        """A reading of that stamp has come in; `now_s` is the node's clock."""
        if stamp_s >= self.stamp_s:
            self.stamp_s = stamp_s
            self._delay_s = max(now_s - stamp_s, 0.0)
            self._arrived_s = time.perf_counter()

    @property
    def seconds(self) -> float:
        """From the newest stamp until now."""
        return self._delay_s + time.perf_counter() - self._arrived_s
