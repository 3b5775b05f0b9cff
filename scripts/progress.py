"""Run a long command quietly: its output goes to a log, its progress to one line."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

NOTE_PERIOD_S = 30.0  # between lines where the output is no terminal
ROS_VARIABLES = (
    '_ROS_WHEELS_BOOTSTRAP_COMPLETE',
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'PYTHONHOME',
    'PYTHONPATH',
)


class CommandError(Exception):
    """A command failed; the message is its last error and where its output is."""


def clean_environment() -> dict[str, str]:
    """This process's environment without what points at another Python or ROS 2."""
    kept = {name: value for name, value in os.environ.items() if name not in ROS_VARIABLES}
    return dict(kept, PIP_DISABLE_PIP_VERSION_CHECK='1', PIP_NO_INPUT='1')


def say(text: str) -> None:
    """Write one line."""
    _clear_line()
    sys.stdout.write(f'{text}\n')
    sys.stdout.flush()


class Progress:
    """The line that tells how far a command is."""

    def __init__(self, title: str, total: int = 0):
        """Start the clock; `total` packages are expected, 0 where nothing is counted."""
        self._title, self._total, self._count = title, total, 0
        self._started = self._noted = time.monotonic()

    def see(self, line: str) -> None:
        """Take one line of pip's output."""
        if line.startswith(('Collecting ', 'Processing ', 'Requirement already satisfied')):
            self._count += 1

    def show(self) -> None:
        """Rewrite the line on a terminal; elsewhere add a line now and then."""
        if sys.stdout.isatty():
            _clear_line()
            sys.stdout.write(self._text())
            sys.stdout.flush()
        elif time.monotonic() - self._noted > NOTE_PERIOD_S:
            self._noted = time.monotonic()
            say(self._text())

    def finish(self) -> None:
        """Leave the line with the time that it took."""
        say(f'setup: {self._title}: done in {self._elapsed_s():.0f} s')

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def _text(self) -> str:
        count = f' {min(self._count, self._total)}/{self._total}' if self._total else ''
        return f'setup: {self._title}{count} ({self._elapsed_s():.0f} s)'


def run(title: str, command: list[str], log: Path, total: int = 0) -> None:
    """Run the command to its end.

    Args:
        title: What it does, for the progress line.
        command: Program and arguments.
        log: File that its output is appended to.
        total: Number of packages that pip will report, 0 where it is no pip.

    Raises:
        CommandError: If it cannot be started or its exit status is not 0.
    """
    progress = Progress(title, total)
    with log.open('ab') as output:
        output.write(f'\n$ {" ".join(command)}\n'.encode())
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=clean_environment()
        ) as process:
            last_error = _follow(process, output, progress)
    if process.returncode != 0:
        _clear_line()
        raise CommandError(f'{title} failed: {last_error} (everything it said: {log})')
    progress.finish()


def _follow(process: subprocess.Popen, output, progress: Progress) -> str:
    selector = selectors.DefaultSelector()
    selector.register(process.stdout, selectors.EVENT_READ)
    pending, last, last_error = b'', '', ''
    while True:
        if selector.select(timeout=1.0):
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return last_error or last
            output.write(chunk)
            *lines, pending = (pending + chunk).split(b'\n')
            for line in (raw.decode(errors='replace').strip() for raw in lines):
                progress.see(line)
                last = line or last
                last_error = line if line.lower().startswith('error') else last_error
        progress.show()


def _clear_line() -> None:
    if sys.stdout.isatty():
        sys.stdout.write('\r\033[K')
