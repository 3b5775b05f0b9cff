"""Which sensor reads how often, and how old a reading is when it arrives."""

from __future__ import annotations

from dataclasses import dataclass

from simulation_node.config import SimulationConfig


@dataclass(frozen=True)
class StreamTiming:
    """One sensor's readings: they arrive at multiples of the period, stamped a delay before."""

    rate_hz: float
    delay_s: float = 0.0


@dataclass(frozen=True)
class StreamTimings:
    """Every sensor of a cell."""

    touch: StreamTiming  # joints, wrench and pads at once
    lidar: StreamTiming
    camera: StreamTiming

    @staticmethod
    def of(config: SimulationConfig) -> StreamTimings:
        """As the simulation node publishes them."""
        return StreamTimings(
            StreamTiming(config.touch.rate_hz),
            StreamTiming(config.lidar.rate_hz),
            StreamTiming(config.camera.rate_hz),
        )

    def items(self) -> tuple[tuple[str, StreamTiming], ...]:
        """By name, in the order in which readings of one instant arrive.

        The camera comes last: it triggers the update, which then has all the rest.
        """
        return (('touch', self.touch), ('lidar', self.lidar), ('camera', self.camera))
