"""What the rounds of a command depend on: its arguments, its inputs and the code."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sakiyomi.paths import SHARED, share_dir

ROOT = Path(__file__).resolve().parents[2]
CODE = ('sakiyomi*/**/*.py', '*_node/**/*.py')
# these change neither what happens in a round nor what is kept of it
IGNORED_ARGUMENTS = ('json', 'workers', 'afresh', 'strips')


def fingerprint(
    args: argparse.Namespace, inputs: Iterable[Path], free: Iterable[str]
) -> dict[str, Any]:
    """What two runs must agree on to share their rounds.

    Args:
        args: of the command.
        inputs: files, or folders with all that is in them, that the rounds read.
        free: more arguments that a round does not depend on, such as how many rounds there are.
    """
    arguments = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in vars(args).items()
        if name not in (*IGNORED_ARGUMENTS, *free) and not callable(value)
    }
    return {'arguments': _plain(arguments), 'inputs': _stamps(inputs), 'code': code()}


def code() -> str:
    """The digest of the packages and of the files that come with them, weights among them."""
    sources = [path for pattern in CODE for path in ROOT.glob(pattern)]
    shared = [path for name in SHARED for path in share_dir(name).rglob('*') if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(sources) + sorted(shared):
        digest.update(f'{path.name}\0'.encode() + path.read_bytes())
    return digest.hexdigest()


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        name: [str(v) if isinstance(v, Path) else v for v in value]
        if isinstance(value, list | tuple)
        else value
        for name, value in arguments.items()
    }


def _stamps(inputs: Iterable[Path]) -> str:
    """The digest of names, sizes and times of change: recordings are too long to be read."""
    digest = hashlib.sha256()
    for root in inputs:
        files = sorted(root.rglob('*')) if root.is_dir() else [root]
        for path in (path for path in files if path.is_file()):
            status = path.stat()
            digest.update(f'{path}\0{status.st_size}\0{status.st_mtime_ns}\0'.encode())
    return digest.hexdigest()
