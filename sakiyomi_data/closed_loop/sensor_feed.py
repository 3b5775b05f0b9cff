"""Steps a cell and gives out each sensor's readings when they arrive, in one order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sakiyomi.sensing import CameraFrame, JointReading, LidarScan, TactileReading, WrenchReading
from sakiyomi_data.closed_loop.streams import StreamTimings
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ


@dataclass(frozen=True)
class TouchReading:
    """Joints, wrench and both pads at one instant."""

    joints: JointReading
    wrench: WrenchReading
    pads: tuple[TactileReading, TactileReading]


Reading = TouchReading | LidarScan | CameraFrame


class SensorFeed:
    """The readings of one cell from its last reset on.

    Args:
        cell: whose sensors are read.
        streams: which of them, how often and how late.
        step: what lets time pass by some seconds; None: the cell's own.
        joints: what reads the joints; None: the cell's own.
    """

    def __init__(
        self,
        cell: SimulatedCell,
        streams: StreamTimings,
        step: Callable[[float], None] | None = None,
        joints: Callable[[], JointReading] | None = None,
    ) -> None:
        self.cell, self.streams = cell, streams
        self._step = step or cell.step
        self._sensors: dict[str, Callable[[], Reading]] = {
            'touch': lambda: TouchReading(
                (joints or cell.joints)(), cell.wrench(), cell.tactile()
            ),
            'lidar': cell.lidar_scan,
            'camera': cell.camera_frame,
        }
        self._periods = {n: _ticks(1.0 / s.rate_hz) for n, s in streams.items()}
        self._delays = {n: _ticks(s.delay_s) for n, s in streams.items()}
        self.restart()

    def restart(self) -> None:
        """Count from now: the cell has just been reset."""
        self._tick = 0
        self._in_transit: dict[str, deque[tuple[int, Reading]]] = {
            n: deque() for n, _ in self.streams.items()
        }

    def read_all(self) -> Iterator[tuple[str, Reading]]:
        """What every sensor reads at this instant, however late its readings are otherwise.

        For whoever must have seen the scene when the feed begins; readings arrive from then on.
        """
        for name in self._periods:
            yield name, self._sensors[name]()

    def run(self, duration_s: float) -> Iterator[tuple[str, Reading]]:
        """Let time pass; what arrives in it, by stream."""
        end = self._tick + _ticks(duration_s)
        while self._tick < end:
            yield from self.advance()

    def advance(self) -> Iterator[tuple[str, Reading]]:
        """On to the next instant at which a sensor reads; what arrives then, by stream."""
        ticks = min(self._to_next(name) for name in self._periods)
        self._step(ticks / PHYSICS_HZ)
        self._tick += ticks
        for name in self._periods:
            self._read(name)
        for name, waiting in self._in_transit.items():
            while waiting and waiting[0][0] <= self._tick:
                yield name, waiting.popleft()[1]

    def _read(self, name: str) -> None:
        arrives = self._tick + self._delays[name]
        if arrives % self._periods[name] == 0:
            self._in_transit[name].append((arrives, self._sensors[name]()))

    def _to_next(self, name: str) -> int:
        period, waiting = self._periods[name], self._in_transit[name]
        ticks = period - (self._tick + self._delays[name]) % period
        return min(ticks, waiting[0][0] - self._tick) if waiting else ticks


def _ticks(duration_s: float) -> int:
    return round(duration_s * PHYSICS_HZ)
