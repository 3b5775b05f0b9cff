"""Buffers keep readings bounded, in time order and without duplicates; joints interpolate."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Generic, Protocol, TypeVar

import numpy as np

from sakiyomi.sensing import JointReading


class Stamped(Protocol):
    """A reading with a time stamp."""

    @property
    def stamp_s(self) -> float:
        """Return the stamp [s]."""


Reading = TypeVar('Reading', bound=Stamped)


class ReadingBuffer(Generic[Reading]):
    """The newest readings of one stream, oldest first.

    Args:
        capacity: the number of readings that are kept.
        clock_jump_s: a stamp this far behind the newest one suggests a backward clock step [s].
        jump_confirmations: consecutive stamps of that kind that confirm the step.
    """

    def __init__(self, capacity: int, clock_jump_s: float, jump_confirmations: int) -> None:
        self.capacity = capacity
        self.clock_jump_s = clock_jump_s
        self.jump_confirmations = jump_confirmations
        self.counts = {'received': 0, 'late': 0, 'duplicate': 0, 'dropped': 0, 'jumps': 0}
        self._stamps: list[float] = []
        self._readings: list[Reading] = []
        self._far_behind = 0

    def __len__(self) -> int:
        return len(self._readings)

    def add(self, reading: Reading) -> bool:
        """Insert a reading by its stamp.

        Returns:
            True if the clock jumped back, after which the buffer holds this reading alone.
        """
        self.counts['received'] += 1
        if self._clock_jumped(reading.stamp_s):
            self.clear()
            self.counts['jumps'] += 1
            self._insert(0, reading)
            return True
        index = bisect_left(self._stamps, reading.stamp_s)
        if index < len(self) and self._stamps[index] == reading.stamp_s:
            self.counts['duplicate'] += 1
            return False
        self.counts['late'] += index < len(self)
        if index == 0 and len(self) == self.capacity:
            self.counts['dropped'] += 1
            return False
        self._insert(index, reading)
        return False

    def clear(self) -> None:
        """Remove every reading."""
        self._stamps.clear()
        self._readings.clear()
        self._far_behind = 0

    def newest(self, until_s: float = np.inf) -> Reading | None:
        """Return the newest reading stamped no later than `until_s`, or None."""
        index = bisect_right(self._stamps, until_s)
        return self._readings[index - 1] if index else None

    def between(self, start_s: float, end_s: float) -> list[Reading]:
        """Return the readings with start <= stamp <= end, oldest first."""
        first, last = bisect_left(self._stamps, start_s), bisect_right(self._stamps, end_s)
        return self._readings[first:last]

    def _insert(self, index: int, reading: Reading) -> None:
        self._stamps.insert(index, reading.stamp_s)
        self._readings.insert(index, reading)
        if len(self) > self.capacity:
            del self._stamps[0], self._readings[0]

    def _clock_jumped(self, stamp_s: float) -> bool:
        behind = bool(self._stamps) and stamp_s < self._stamps[-1] - self.clock_jump_s
        self._far_behind = self._far_behind + 1 if behind else 0
        return self._far_behind >= self.jump_confirmations


class JointBuffer(ReadingBuffer[JointReading]):
    """Joint readings that are interpolated at the stamps of other sensors."""

    def at(self, stamp_s: float) -> JointReading | None:
        """Interpolate the joints at a stamp; beyond the ends, return the nearest ones."""
        index = bisect_left(self._stamps, stamp_s)
        if not self._readings:
            return None
        if index == 0:
            return self._readings[0]
        if index == len(self):
            return self._readings[-1]
        return interpolate_joints(self._readings[index - 1], self._readings[index], stamp_s)


def interpolate_joints(before: JointReading, after: JointReading, stamp_s: float) -> JointReading:
    """Interpolate between two readings; return the later one if their joint names differ."""
    if before.names != after.names:
        return after
    w = (stamp_s - before.stamp_s) / (after.stamp_s - before.stamp_s)
    position = (1.0 - w) * before.position + w * after.position
    velocity = (1.0 - w) * before.velocity + w * after.velocity
    return JointReading(stamp_s, before.names, position, velocity)
