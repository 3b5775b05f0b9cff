"""Who carries out jobs that do not depend on each other: this machine, or one day many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Protocol, TypeVar

Job = TypeVar('Job')
Result = TypeVar('Result')


class Executor(Protocol):
    """Runs a function on every job; both can be pickled."""

    def results(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        """The results, in whatever order they come; an error in a job is raised here."""


class LocalExecutor:
    """Processes on this machine; one worker runs in this process."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        """As they are done; those that wait are given up when the caller stops."""
        if self.workers == 1:
            yield from map(work, jobs)
            return
        # spawned, because a fork of a process with threads can hang
        pool = ProcessPoolExecutor(self.workers, mp_context=get_context('spawn'))
        try:
            for future in as_completed([pool.submit(work, job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


EXECUTORS: dict[str, Callable[[int], Executor]] = {'local': LocalExecutor}
