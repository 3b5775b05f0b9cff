"""Jobs on several cores: one that raises, or ends its process, is a failed job and nothing more.

Each process makes its own expensive state once and gets one job at a time. After a failure a new
process takes its place, so that what is left of the failed job reaches no other.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import Any

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_data.experiments.worker_process import (
    BAD_INPUT,
    FAILED,
    READY,
    STOP,
    UNUSABLE,
    MakeWork,
    one_thread,
    serve,
    signals_blocked,
)

SHUTDOWN_TIMEOUT_S = 5.0  # more than a process needs to remove its temporary files


@dataclass(frozen=True)
class JobOutcome:
    """What became of one job."""

    job: Any
    result: Any = None
    failed: str | None = None  # the reason, in one line


def outcomes(make_work: MakeWork, jobs: Sequence[Any], workers: int) -> Iterator[JobOutcome]:
    """Carry out every job; the outcomes, in whatever order they come.

    Args:
        make_work: called once in each process; what it returns is called with each job. It, the
            jobs and the results can be pickled.
        jobs: begun in this order.
        workers: how many processes at once.

    Raises:
        SakiyomiError: `make_work` raised, or its process ended.
    """
    waiting = list(reversed(jobs))
    busy = [Worker(make_work) for _ in range(min(workers, len(jobs)))]
    try:
        while busy:
            for connection in wait([worker.connection for worker in busy]):
                worker = next(w for w in busy if w.connection is connection)
                outcome = worker.outcome()
                if outcome is not None:
                    yield outcome
                if waiting and (outcome is None or outcome.failed is None):
                    worker.give(waiting.pop())
                    continue
                busy.remove(worker)
                worker.end()
                if waiting:
                    busy.append(Worker(make_work))
    finally:
        for worker in busy:
            worker.interrupt()
        for worker in busy:
            worker.end()


class Worker:
    """One process, seen from the one that gives it jobs."""

    def __init__(self, make_work: MakeWork) -> None:
        context = get_context('spawn')  # because a fork of a process with threads can hang
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(make_work, theirs), daemon=True)
        self._job: Any = None
        with signals_blocked(), one_thread():
            self._process.start()
        theirs.close()

    def give(self, job: Any) -> None:
        """Have this job done next."""
        self._job = job
        with contextlib.suppress(OSError):  # an ended process is found when it is listened to
            self.connection.send(job)

    def outcome(self) -> JobOutcome | None:
        """Of the job that was given; None where the worker has only just become ready.

        Raises:
            SakiyomiError: it cannot work at all.
        """
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError):
            kind, content = FAILED, f'WorkerDied: {self._exit_reason()}'
        if kind == READY:
            return None
        if kind == BAD_INPUT:
            raise BadInputError(content)
        if kind == UNUSABLE or self._job is None:
            raise WorkFailedError(f'worker: did not start: {content}')
        job, self._job = self._job, None
        return JobOutcome(job, failed=content) if kind == FAILED else JobOutcome(job, content)

    def interrupt(self) -> None:
        """Have it leave what it does."""
        if self._process.is_alive():
            os.kill(self._process.pid, STOP)

    def end(self) -> None:
        """Wait until it has cleaned up and ended; kill it where that takes too long."""
        self.connection.close()
        self._process.join(SHUTDOWN_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _exit_reason(self) -> str:
        self._process.join(SHUTDOWN_TIMEOUT_S)
        code = self._process.exitcode
        if code is None or code >= 0:
            return f'the process ended with status {code}'
        return f'the process was ended by {signal.Signals(-code).name}'
