"""The newest line of /diagnostics under each name; a name that falls silent turns stale."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from viewer_node.panels.status import HealthLine

STALE = 3
SILENT_AFTER_S = 5.0


class HealthBoard:
    """Written by the thread that receives, read by the one that draws."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: dict[str, tuple[float, HealthLine]] = {}

    def update(self, lines: Iterable[HealthLine]) -> None:
        """Take over the lines of one message."""
        now_s = self._clock()
        with self._lock:
            self._lines.update({line.name: (now_s, line) for line in lines})

    def lines(self) -> tuple[HealthLine, ...]:
        """Every line, in the order of the names."""
        oldest_s = self._clock() - SILENT_AFTER_S
        with self._lock:
            named = sorted(self._lines.items())
        return tuple(
            line if at_s >= oldest_s else replace(line, level=STALE, message='silent')
            for _, (at_s, line) in named
        )

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._lines.clear()
