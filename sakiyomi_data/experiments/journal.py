"""The journal of a run: its finished rounds, a line of JSON each, written as they end.

The first line tells what the rounds depend on. A run that was interrupted goes on from its
journal, and only where that line still holds.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError

SUFFIX = '.partial.jsonl'
AFRESH = '--afresh'


def journal_file(results: str | Path) -> Path:
    """Beside the file of the figures."""
    results = Path(results)
    return results.with_name(f'{results.stem}{SUFFIX}')


class Journal:
    """Finished rounds, kept on disk where there is a path.

    Args:
        path: of the file; None: nothing is kept.
        about: what the rounds depend on.
        afresh: forget what is there.

    Raises:
        BadInputError: the file is of another run, or no journal, or cannot be written.
    """

    def __init__(self, path: Path | None, about: dict[str, Any], afresh: bool = False) -> None:
        self.path, self._about = path, json.loads(json.dumps(about))
        self.entries: list[dict[str, Any]] = []
        if path is None:
            return
        self._open()
        if afresh:
            self._file.truncate(0)
        self._resume()
        if path.stat().st_size == 0:
            self._append(self._about)

    def add(self, entry: dict[str, Any]) -> None:
        """Keep a finished round."""
        self.entries.append(entry)
        if self.path is not None:
            self._append(entry)

    def close(self) -> None:
        """Leave the file for a later run."""
        if self.path is not None:
            self._file.close()

    def _open(self) -> None:
        try:
            self._file = self.path.open('a', encoding='utf-8')
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInputError(f'journal {self.path}: another run is writing it') from error
        except OSError as error:
            raise BadInputError(f'journal {self.path}: {error.strerror}') from error

    def _append(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + '\n')
        self._file.flush()
        os.fsync(self._file.fileno())

    def _resume(self) -> None:
        """Read what is there; a last line that was only half written is cut off."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        while lines and not _is_whole(lines[-1]):
            lines.pop()
        os.truncate(self.path, sum(map(len, lines)))
        if not lines:
            return
        try:
            about, *self.entries = (json.loads(line) for line in lines)
        except ValueError as error:
            raise BadInputError(
                f'journal {self.path}: got no JSON: {error}; expected lines of it, or {AFRESH}'
            ) from error
        self._check(about)

    def _check(self, about: Any) -> None:
        if not isinstance(about, dict) or set(about) != set(self._about):
            raise BadInputError(
                f'journal {self.path}: got one of another command, expected this one, or {AFRESH}'
            )
        for key, mine in self._about.items():
            if about[key] != mine:
                raise BadInputError(
                    f'journal {self.path}: was begun with {_difference(key, about[key], mine)};'
                    f' expected the same, or {AFRESH} to begin again'
                )


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return line.endswith(b'\n')


def _difference(key: str, theirs: Any, mine: Any) -> str:
    """The first argument that differs, or what else does."""
    if isinstance(theirs, dict) and isinstance(mine, dict):
        name = next(n for n in sorted({*theirs, *mine}) if theirs.get(n, '') != mine.get(n, ''))
        option = f'--{name.replace("_", "-")}'
        return f'{option} {theirs.get(name)!r}, got {mine.get(name)!r}'
    return f'another state of the {key}'
