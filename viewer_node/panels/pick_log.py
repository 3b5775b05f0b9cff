"""What is known of the running pick and of the last ones, whoever asked for them."""

from __future__ import annotations

import threading
from collections import deque

from viewer_node.panels.status import PickStatus

MAX_OUTCOMES = 5


class PickLog:
    """Written by the thread that receives, read by the one that draws."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[bytes, PickStatus] = {}
        self._outcomes: deque[tuple[bool, str]] = deque(maxlen=MAX_OUTCOMES)

    def progress(
        self, goal: bytes, phase: str, object_id: int | None, predicted_success: float | None
    ) -> bool:
        """Note how far a pick is; whether it is one that was not known before."""
        with self._lock:
            new = goal not in self._running
            self._running[goal] = PickStatus(phase, object_id, predicted_success)
            return new

    def finish(self, goal: bytes, succeeded: bool, line: str) -> None:
        """Note how a pick ended."""
        with self._lock:
            self._running.pop(goal, None)
            self._outcomes.appendleft((succeeded, line))

    def forget_running(self) -> None:
        """Drop picks whose end can no longer be learned."""
        with self._lock:
            self._running.clear()

    def status(self) -> PickStatus:
        """The newest pick under way, or none, with the last outcomes."""
        with self._lock:
            pick = list(self._running.values())[-1] if self._running else PickStatus()
            return PickStatus(
                pick.phase, pick.object_id, pick.predicted_success, tuple(self._outcomes)
            )
