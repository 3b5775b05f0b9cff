"""Which sensor reads how often, and how old a reading is when it arrives."""

from __future__ import annotations

from dataclasses import dataclass

from simulation_node.config import SimulationConfig


@dataclass(frozen=True)
class Stream:
    """One sensor's readings: they arrive at multiples of the period, stamped a delay before."""

    rate_hz: float
    delay_s: float = 0.0


@dataclass(frozen=True)
class Streams:
    """Every sensor of a cell."""

    touch: Stream  # joints, wrench and pads at once
    lidar: Stream
    camera: Stream

    @staticmethod
    def of(config: SimulationConfig) -> Streams:
        """As the simulation node publishes them."""
        return Streams(
            Stream(config.touch.rate_hz),
            Stream(config.lidar.rate_hz),
            Stream(config.camera.rate_hz),
        )

    def items(self) -> tuple[tuple[str, Stream], ...]:
        """By name, in the order in which readings of one instant arrive.

        The camera comes last: it triggers the update, which then has all the rest.
        """
        return (('touch', self.touch), ('lidar', self.lidar), ('camera', self.camera))
