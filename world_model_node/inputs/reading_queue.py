"""A queue passes readings from the thread that receives them to the one that fuses them."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from operator import itemgetter

from world_model_node.config import TimingConfig

NUM_PADS = 2


class ReadingQueue:
    """Readings in the order of arrival, for each stream as many as its buffer keeps.

    Attributes:
        dropped: the number of readings per stream that newer ones displaced.
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
        """Append a reading."""
        with self._lock:
            waiting = self._queues[stream]
            self.dropped[stream] += len(waiting) == waiting.maxlen
            waiting.append((next(self._number), stream, reading))

    def take(self) -> list[tuple[str, object]]:
        """Remove and return all readings with their streams, in the order of arrival."""
        with self._lock:
            items = [item for waiting in self._queues.values() for item in waiting]
            self._clear()
        return [item[1:] for item in sorted(items, key=itemgetter(0))]

    def clear(self) -> None:
        """Remove all readings."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        for waiting in self._queues.values():
            waiting.clear()
