"""The life of a worker process: make the state, do job after job, end after a failure."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError, SakiyomiError

READY, RESULT, FAILED, BAD_INPUT, UNUSABLE = 'ready', 'result', 'failed', 'bad input', 'unusable'
STOP = signal.SIGUSR1
# as in the nodes; the same in every worker, so that sums are rounded alike on any number of cores
ONE_THREAD = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')
MAX_REASON_LENGTH = 300
MakeWork = Callable[[], Callable[[Any], Any]]


def serve(make_work: MakeWork, connection: Connection) -> None:
    """Work until no more jobs come, or until one has failed."""
    signal.signal(STOP, _leave)
    with contextlib.suppress(EOFError, OSError):  # the process that gives the jobs has ended
        work = _made(make_work, connection)
        while work is not None and _serve_one(work, connection):
            pass


def _made(make_work: MakeWork, connection: Connection) -> Callable[[Any], Any] | None:
    """What does the jobs; None, and a message with the reason, where it cannot be made."""
    try:
        work = make_work()
    except BadInputError as error:
        connection.send((BAD_INPUT, str(error)))
    except SakiyomiError as error:
        connection.send((UNUSABLE, str(error)))
    except Exception as error:
        connection.send((UNUSABLE, describe_error(error)))
    else:
        connection.send((READY, None))
        return work
    return None


def _serve_one(work: Callable[[Any], Any], connection: Connection) -> bool:
    """One job; False once one has failed."""
    job = connection.recv()
    try:
        message = pickle.dumps((RESULT, work(job)))
    except Exception as error:
        connection.send((FAILED, describe_error(error)))
        return False
    connection.send_bytes(message)
    return True


def describe_error(error: BaseException) -> str:
    """The kind of the error, its text and the line that raised it, in one line."""
    text = ' '.join(str(error).split())[:MAX_REASON_LENGTH]
    frames = traceback.extract_tb(error.__traceback__)
    where = f' ({Path(frames[-1].filename).name}:{frames[-1].lineno})' if frames else ''
    return f'{type(error).__name__}: {text}{where}'


def _leave(*_: object) -> None:
    raise SystemExit(0)  # temporary files are removed on the way out


@contextlib.contextmanager
def signals_blocked() -> Iterator[None]:
    """Processes that start now get no Ctrl-C: the process that started them tells them to stop."""
    resource_tracker.ensure_running()  # which unblocks the signals as it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Processes that start now compute on one thread each, where the user has not said more."""
    added = [name for name in ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(added, '1'))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
