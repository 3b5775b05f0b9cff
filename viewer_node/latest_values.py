"""The newest value of each stream, handed from the thread that receives to the one that draws."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

RATE_WINDOW = 20  # arrivals that a rate is measured over
RATE_TIMEOUT_S = 3.0  # a stream silent for this long runs at 0 Hz


class LatestValues:
    """Holds one value per stream: a slow reader skips values and never makes a writer wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}
        self._fresh: set[str] = set()
        self._arrivals: dict[str, deque[float]] = {}

    def put(self, stream: str, value: Any) -> None:
        """Replace the stream's value."""
        with self._lock:
            self._values[stream] = value
            self._fresh.add(stream)
            self._arrivals.setdefault(stream, deque(maxlen=RATE_WINDOW)).append(self._clock())

    def take(self, stream: str) -> Any | None:
        """The stream's value if it came since the last `take`, else None."""
        with self._lock:
            if stream not in self._fresh:
                return None
            self._fresh.discard(stream)
            return self._values[stream]

    def rates_hz(self) -> dict[str, float]:
        """How often each stream arrives."""
        with self._lock:
            return {stream: self._rate(times) for stream, times in self._arrivals.items()}

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._fresh.clear()
            self._arrivals.clear()

    def _rate(self, times: deque[float]) -> float:
        if len(times) < 2 or self._clock() - times[-1] > RATE_TIMEOUT_S:
            return 0.0
        return (len(times) - 1) / max(times[-1] - times[0], 1e-6)
