"""The thread that updates the world model, so that nothing which arrives waits for an update."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from sakiyomi.errors import WorkFailedError

MAX_JOBS = 8  # that wait their turn


class UpdateThread:
    """One update at a time from the newest picture, and jobs that take turns with the updates.

    Attributes:
        replaced: pictures that a newer one replaced before their update began.
        failure: what an update or a job raised; the thread has ended with it.
    """

    def __init__(self, update: Callable[[], None], failed: Callable[[], None]) -> None:
        """Start.

        Args:
            update: does one update.
            failed: called once `failure` is set, on this thread.
        """
        self.replaced = 0
        self.failure: Exception | None = None
        self._update, self._failed = update, failed
        self._jobs: deque[tuple[Callable[[], Any], Future]] = deque()
        self._due = self._busy = self._ending = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name='updates')
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether no update is due or under way."""
        return not (self._due or self._busy)

    def request(self) -> None:
        """Update as soon as the one under way is done; requests do not add up."""
        with self._changed:
            self.replaced += self._due
            self._due = True
            self._changed.notify()

    def submit(self, job: Callable[[], Any]) -> Future:
        """What `job` will return, which is called between two updates.

        Raises:
            WorkFailedError: the thread ends, or too many jobs wait already.
        """
        future: Future = Future()
        with self._changed:
            if self._ending:
                raise WorkFailedError('got a job while the updates end, expected it before')
            if len(self._jobs) >= MAX_JOBS:
                raise WorkFailedError(f'got a job, expected no more than {MAX_JOBS} that wait')
            self._jobs.append((job, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Let the update under way and the jobs that wait come to their end."""
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
        """Whether there is something to do; false at the end."""
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
