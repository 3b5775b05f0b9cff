"""A thread updates the world model, so that arriving messages wait for no update."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sakiyomi.errors import WorkFailedError


class UpdateThread:
    """A thread that runs one update at a time, and jobs between the updates.

    Attributes:
        replaced: the number of requests that a newer one replaced before their update began.
        failure: the exception of an update or a job, which ended the thread.
    """

    def __init__(
        self, update: Callable[[], None], failed: Callable[[], None], max_jobs: int
    ) -> None:
        """Start the thread.

        Args:
            update: the function of one update.
            failed: a function that the thread calls after setting `failure`.
            max_jobs: the number of jobs that may wait.
        """
        self.replaced = 0
        self.failure: Exception | None = None
        self._update, self._failed, self._max_jobs = update, failed, max_jobs
        self._jobs: deque[tuple[Callable[[], Any], Future]] = deque()
        self._due = self._busy = self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name='updates')
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Return whether no update is due or running."""
        return not (self._due or self._busy)

    def request(self) -> None:
        """Request an update after the running one; further requests replace it."""
        with self._changed:
            self.replaced += self._due
            self._due = True
            self._changed.notify()

    def submit(self, job: Callable[[], Any]) -> Future:
        """Submit a job that runs between two updates, and return its future.

        Raises:
            WorkFailedError: the thread is ending, or too many jobs are waiting.
        """
        future: Future = Future()
        with self._changed:
            if self._ending:
                raise WorkFailedError('got a job while the updates end, expected it before')
            if len(self._jobs) >= self._max_jobs:
                raise WorkFailedError(
                    f'got a job, expected no more than {self._max_jobs} that wait'
                )
            self._jobs.append((job, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Finish the running update and the waiting jobs, and end the thread."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while self._await_work():
                self._work()
        except Exception as error:
            self.failure = error
            self._ending = True
            self._failed()

    def _await_work(self) -> bool:
        """Wait for an update or a job; return False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._jobs or self._ending)
            self._busy = self._due and not self._ending
            self._due = False
            return self._busy or bool(self._jobs)

    def _work(self) -> None:
        if self._busy:
            self._update()
            self._busy = False
        if self._jobs:
            job, future = self._jobs.popleft()
            future.set_result(job())
