"""Say how much failed, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from sakiyomi.console import print_error
from sakiyomi.errors import WorkFailedError

MAX_REASONS = 3


def summarize_reasons(failed: Iterable[str]) -> str:
    """Why, the most frequent reason first, in one line."""
    counts = Counter(failed).most_common(MAX_REASONS)
    return '; '.join(f'{count} x {reason}' for reason, count in counts)


def report_failures(what: str, failed: Sequence[str], made: int) -> None:
    """One line on standard error, where anything failed.

    Raises:
        WorkFailedError: all of it did.
    """
    if failed and not made:
        raise WorkFailedError(f'{what}: all {len(failed)} failed: {summarize_reasons(failed)}')
    if failed:
        print_error(f'{what}: {len(failed)} failed: {summarize_reasons(failed)}')
