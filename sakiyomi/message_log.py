"""When messages were published and received: the raw material of latencies and losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class MessageArrival:
    """One message: its header's stamp [s] and the wall-clock times [ns] of its transport."""

    stamp_s: float
    published_ns: int
    received_ns: int


@dataclass(frozen=True)
class UpdateRecord:
    """One update of the world model."""

    published_ns: int
    sensor_stamp_s: float  # the newest sensor stamp that it used
    stage_ms: Mapping[str, float]


@dataclass
class MessageLog:
    """What arrived, by topic, and what the world model said of its updates."""

    arrivals: dict[str, list[MessageArrival]] = field(default_factory=dict)
    updates: list[UpdateRecord] = field(default_factory=list)
