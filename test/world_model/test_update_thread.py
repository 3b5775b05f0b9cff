"""The update thread runs one update at a time and jobs between the updates."""

import threading
import time

import pytest

from sakiyomi.errors import WorkFailedError
from world_model_node.update_thread import UpdateThread

PATIENCE_S = 10.0
MAX_JOBS = 8


class SlowUpdate:
    """An update that ends on a signal."""

    def __init__(self):
        self.begun, self.may_end, self.count = threading.Event(), threading.Event(), 0

    def __call__(self):
        self.count += 1
        self.begun.set()
        assert self.may_end.wait(PATIENCE_S)


@pytest.fixture
def slow():
    return SlowUpdate()


@pytest.fixture
def updates(slow):
    thread = UpdateThread(slow, lambda: None, MAX_JOBS)
    yield thread
    slow.may_end.set()
    thread.close()


def test_requests_during_an_update_make_one_more_update(slow, updates):
    assert updates.idle
    updates.request()
    assert slow.begun.wait(PATIENCE_S)
    for _ in range(5):
        updates.request()
    assert not updates.idle
    slow.may_end.set()
    while not updates.idle:
        time.sleep(0.001)
    assert slow.count == 2
    assert updates.replaced == 4


def test_a_job_runs_between_updates_without_pause():
    def update():
        thread.request()

    thread = UpdateThread(update, lambda: None, MAX_JOBS)
    thread.request()
    assert thread.submit(lambda: 7).result(PATIENCE_S) == 7
    thread.close()


def test_the_number_of_waiting_jobs_is_bounded(slow, updates):
    updates.request()
    assert slow.begun.wait(PATIENCE_S)
    waiting = [updates.submit(lambda: 1) for _ in range(MAX_JOBS)]
    with pytest.raises(WorkFailedError, match=f'no more than {MAX_JOBS}'):
        updates.submit(lambda: 1)
    slow.may_end.set()
    assert [job.result(PATIENCE_S) for job in waiting] == [1] * MAX_JOBS


def test_closing_runs_the_waiting_jobs_and_no_further_update(slow, updates):
    updates.request()
    assert slow.begun.wait(PATIENCE_S)
    job = updates.submit(lambda: 'answered')
    updates.request()
    closing = threading.Thread(target=updates.close)
    closing.start()
    while not updates._ending:
        pass
    slow.may_end.set()
    closing.join(PATIENCE_S)
    assert job.result(0) == 'answered'
    assert slow.count == 1
    with pytest.raises(WorkFailedError, match='while the updates end'):
        updates.submit(lambda: 1)


def test_an_exception_of_an_update_is_reported_and_ends_the_thread():
    failed = threading.Event()

    def update():
        raise ZeroDivisionError('by an update')

    thread = UpdateThread(update, failed.set, MAX_JOBS)
    thread.request()
    assert failed.wait(PATIENCE_S)
    assert isinstance(thread.failure, ZeroDivisionError)
    thread.close()
