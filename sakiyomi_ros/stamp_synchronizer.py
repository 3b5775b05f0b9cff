"""Bring the colour and the depth picture of one instant together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar('Item')
QUEUE_SIZE = 8  # pictures that wait for their partner


class StampSynchronizer(Generic[Item]):
    """Collects one item per stream and hands out the set whose stamps agree."""

    def __init__(self, streams: tuple[Hashable, ...], tolerance_s: float = 0.02):
        self.streams = streams
        self.tolerance_s = tolerance_s
        self._queues: dict[Hashable, OrderedDict[float, Item]] = {
            stream: OrderedDict() for stream in streams
        }

    def add(self, stream: Hashable, stamp_s: float, item: Item) -> tuple[Item, ...] | None:
        """The complete set in the order of `streams`, as soon as this item completes it."""
        queue = self._queues[stream]
        queue[stamp_s] = item
        if len(queue) > QUEUE_SIZE:
            queue.popitem(last=False)
        stamps = [self._nearest(other, stamp_s) for other in self.streams]
        if None in stamps:
            return None
        matched = zip(self.streams, stamps, strict=True)
        return tuple(self._queues[other].pop(stamp) for other, stamp in matched)

    def clear(self) -> None:
        """Forget what waits."""
        for queue in self._queues.values():
            queue.clear()

    def _nearest(self, stream: Hashable, stamp_s: float) -> float | None:
        stamps = self._queues[stream]
        nearest = min(stamps, key=lambda other: abs(other - stamp_s), default=None)
        if nearest is None or abs(nearest - stamp_s) > self.tolerance_s:
            return None
        return nearest
