"""One finding of a check-up: its status, and the cure where something is wrong."""

from __future__ import annotations

from dataclasses import dataclass

OK, INFO, WARN, BAD = 'ok', 'info', 'warn', 'bad'


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    section: str
    name: str
    status: str  # OK, INFO, WARN or BAD
    detail: str
    cure: str = ''
