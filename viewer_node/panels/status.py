"""What the page says in words: the pick, the processing times, the health of the nodes."""

from __future__ import annotations

from dataclasses import dataclass

PHASES = (
    'plan',
    'reach',
    'approach',
    'close',
    'lift',
    'verify',
    'carry',
    'place',
    'retreat',
    'look',
)


@dataclass(frozen=True)
class PickStatus:
    """The pick that runs, or the last one."""

    phase: str = ''  # empty while no pick runs
    object_id: int | None = None
    predicted_success: float | None = None
    outcomes: tuple[tuple[bool, str], ...] = ()  # (succeeded, line), newest first

    def __bool__(self) -> bool:
        return bool(self.phase)


@dataclass(frozen=True)
class NodeTimes:
    """How long one node's last step took."""

    node: str
    latency_ms: (
        float | None
    )  # from the sensor's stamp to publication; None where it has no meaning
    stages_ms: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class HealthLine:
    """One line of /diagnostics."""

    level: int  # 0 good, 1 warning, 2 error, 3 stale
    name: str
    message: str
