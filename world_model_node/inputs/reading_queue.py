"""Readings on their way from the thread that receives them to the one that fuses them."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from operator import itemgetter

from world_model_node.config import TimingConfig

NUM_PADS = 2


class ReadingQueue:
    """Readings in the order of arrival; of each stream no more wait than its buffer would keep.

    Attributes:
        dropped: readings per stream that newer ones pushed out before they were taken.
    """

    def __init__(self, config: TimingConfig) -> None:
        bounds = {
            'camera': config.camera_buffer,
            'lidar': config.lidar_buffer,
            'tactile': NUM_PADS * config.tactile_buffer,
            'wrench': config.joint_buffer,
            'joints': config.joint_buffer,
        }
        self.dropped = dict.fromkeys(bounds, 0)
        self._lock = threading.Lock()
        self._number = itertools.count()
        self._queues = {stream: deque(maxlen=bound) for stream, bound in bounds.items()}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, stream: str, reading: object) -> None:
        """Let a reading wait."""
        with self._lock:
            waiting = self._queues[stream]
            self.dropped[stream] += len(waiting) == waiting.maxlen
            waiting.append((next(self._number), stream, reading))

    def take(self) -> list[tuple[str, object]]:
        """The stream and the reading of all that waits, in the order of arrival."""
        with self._lock:
            items = [item for waiting in self._queues.values() for item in waiting]
            self._forget()
        return [item[1:] for item in sorted(items, key=itemgetter(0))]

    def clear(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        for waiting in self._queues.values():
            waiting.clear()
