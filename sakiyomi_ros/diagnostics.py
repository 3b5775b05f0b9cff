"""What a node says about itself on /diagnostics."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)
WARNING_PERIOD_S = 5.0  # at most one log line per topic in this time


@dataclass(frozen=True)
class Health:
    """One line of the report: what it is about, how well it is, and figures."""

    name: str
    level: bytes = OK
    message: str = 'ok'
    values: dict[str, object] = field(default_factory=dict)


class InputMonitor:
    """Counts what arrives on one topic, what was dropped and why, and how old the last one is."""

    def __init__(self, topic: str, stale_after_s: float | None = None):
        self.topic = topic
        self.stale_after_s = stale_after_s
        self.received = 0
        self.dropped = 0
        self.last_reason = ''
        self._since_s = time.monotonic()
        self._last_warning_s = -float('inf')

    def accept(self) -> None:
        """Count a message that was used."""
        self.received += 1
        self._since_s = time.monotonic()

    def drop(self, reason: str) -> bool:
        """Count a message that could not be used; whether a warning about it is due."""
        self.dropped += 1
        self.last_reason = reason
        now_s = time.monotonic()
        due = now_s - self._last_warning_s >= WARNING_PERIOD_S
        if due:
            self._last_warning_s = now_s
        return due

    @property
    def age_s(self) -> float:
        """Seconds since the last message that was used, or since the start."""
        return time.monotonic() - self._since_s

    def health(self) -> Health:
        """This topic's line of the report."""
        values = {
            'received': self.received,
            'dropped': self.dropped,
            'age_s': round(self.age_s, 3),
        }
        if self.last_reason:
            values['last_reason'] = self.last_reason
        if self.stale_after_s is not None and self.age_s > self.stale_after_s:
            return Health(self.topic, STALE, f'no usable message for {self.age_s:.1f} s', values)
        if self.dropped:
            return Health(self.topic, WARN, f'{self.dropped} malformed messages dropped', values)
        return Health(self.topic, OK, 'ok', values)


def diagnostic_array(node: str, lines: list[Health], stamp: Time) -> DiagnosticArray:
    """The message that says `lines` in the name of `node`."""
    message = DiagnosticArray()
    message.header.stamp = stamp
    message.status = [
        DiagnosticStatus(
            level=line.level,
            name=f'{node}: {line.name}',
            message=line.message,
            hardware_id='sakiyomi',
            values=[KeyValue(key=key, value=str(value)) for key, value in line.values.items()],
        )
        for line in lines
    ]
    return message
