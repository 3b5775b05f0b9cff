"""Planning that takes simulated time: the world does not wait for the planner."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any


class DelayedFuture(Future):
    """A result that is there at once, and known only when the time that it took has passed."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._now_s = now_s
        self._ready_s = now_s()

    def add_duration(self, duration_s: float) -> None:
        """How long it took."""
        self._ready_s += duration_s

    def done(self) -> bool:
        """Whether it is known by now."""
        return super().done() and self._now_s() >= self._ready_s


class PlanningExecutor(Executor):
    """Runs what is submitted at once, and lets its duration pass in simulated time.

    Args:
        now_s: the simulated clock.
        waits: the world stands still meanwhile.
    """

    def __init__(self, now_s: Callable[[], float], waits: bool = False) -> None:
        self._now_s, self._waits = now_s, waits

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future:
        """A future whose result is known later."""
        future, started = DelayedFuture(self._now_s), time.perf_counter()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # raised again for whoever takes the result
            future.set_exception(error)
        if not self._waits:
            future.add_duration(time.perf_counter() - started)
        return future
