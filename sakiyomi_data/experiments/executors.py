"""Who carries out jobs that do not depend on each other: this machine, or one day many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from sakiyomi_data.experiments.workers import JobOutcome, outcomes

Job = TypeVar('Job')
Work = TypeVar('Work', bound=Callable[[Any], Any])


class Executor(Protocol):
    """Runs a function on every job; both can be pickled."""

    def results(self, work: Callable[[Job], Any], jobs: Sequence[Job]) -> Iterator[JobOutcome]:
        """The outcomes, in whatever order they come; a job that raises is a failed one."""


class LocalExecutor:
    """Processes on this machine."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(self, work: Callable[[Job], Any], jobs: Sequence[Job]) -> Iterator[JobOutcome]:
        """As they end; those that wait are given up when the caller stops."""
        yield from outcomes(partial(_identity, work), jobs, self.workers)


def _identity(work: Work) -> Work:
    return work


EXECUTORS: dict[str, Callable[[int], Executor]] = {'local': LocalExecutor}
