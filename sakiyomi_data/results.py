"""Write figures to a file, with what they were measured on."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from sakiyomi.errors import BadInputError
from sakiyomi_data.experiments.journal import journal_file

ROOT = Path(__file__).resolve().parents[1]


def write_results(path: str | None, figures: Mapping[str, Any], args: argparse.Namespace) -> None:
    """Write `figures` and their provenance as JSON; nothing where `path` is None.

    The journal of the rounds that they were made from is then no longer needed.

    Raises:
        BadInputError: the file cannot be written.
    """
    if path is None:
        return
    document = {**figures, 'provenance': provenance(args)}
    text = json.dumps(_plain(document), indent=2, sort_keys=False, allow_nan=False)
    try:
        Path(path).write_text(text + '\n', encoding='utf-8')
        journal_file(path).unlink(missing_ok=True)
    except OSError as error:
        raise BadInputError(f'--json {path}: {error.strerror}') from error


def check_writable(path: str | None) -> None:
    """Before long work: whether the results can be written there.

    Raises:
        BadInputError: there is no such folder, or it is none of ours.
    """
    if path is None:
        return
    folder = Path(path).resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BadInputError(f'--json {path}: got {folder}, expected a folder that can be written')


def provenance(args: argparse.Namespace) -> dict[str, Any]:
    """Which machine, which code, which command, when."""
    return {
        'date': datetime.now(UTC).isoformat(timespec='seconds'),
        'command': _command(),
        'seed': getattr(args, 'seed', None),
        **_code(),
        'hardware': hardware(),
    }


def _command() -> list[str]:
    """As one would type it: a test that writes figures ran under pytest, not under sakiyomi."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == '__main__.py' else program.name
    return ['pytest' if 'pytest' in name else 'sakiyomi', *sys.argv[1:]]


def hardware() -> dict[str, Any]:
    """The machine and its system."""
    return {
        'cpu': _cpu_model(),
        'cores': len(os.sched_getaffinity(0)),
        'ram_gib': round(psutil.virtual_memory().total / 2**30, 1),
        'gpu': _gpu(),
        'os': _os_name(),
        'python': platform.python_version(),
    }


def _code() -> dict[str, Any]:
    commit = _output(['git', '-C', str(ROOT), 'rev-parse', 'HEAD'])
    changes = _output(['git', '-C', str(ROOT), 'status', '--porcelain', '--untracked-files=no'])
    return {'commit': commit, 'dirty': None if changes is None else bool(changes)}


def _cpu_model() -> str:
    cpuinfo = Path('/proc/cpuinfo')
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding='utf-8').splitlines():
            if line.startswith('model name'):
                return line.partition(':')[2].strip()
    return platform.processor() or platform.machine()


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release()['PRETTY_NAME']
    except (OSError, KeyError):
        return platform.platform()


def _gpu() -> str | None:
    return _output(['nvidia-smi', '--query-gpu=name', '--format=csv,noheader'])


def _output(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _plain(value: Any) -> Any:
    """What JSON can hold; numbers that are not finite become null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
