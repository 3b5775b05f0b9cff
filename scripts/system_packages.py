"""What pip cannot install: the compiler, Python's headers, shared libraries. Added through apt."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import progress

PYTHON = f'python3.{sys.version_info.minor}'
LIBRARIES = {
    'libegl1': 'libEGL.so.1',
    'libgl1': 'libGL.so.1',
    'libgomp1': 'libgomp.so.1',
    'libusb-1.0-0': 'libusb-1.0.so.0',
}


class SystemPackagesError(Exception):
    """Packages are missing and cannot be added from here; one line says how to add them."""


def missing() -> list[str]:
    """The Debian names of the packages that this machine lacks."""
    absent = [package for package, library in LIBRARIES.items() if not _loads(library)]
    if shutil.which('g++') is None:
        absent.append('g++')
    if not (Path(sysconfig.get_path('include')) / 'Python.h').exists():
        absent.append(f'{PYTHON}-dev')
    if importlib.util.find_spec('ensurepip') is None:
        absent.append(f'{PYTHON}-venv')
    return sorted(absent)


def install(packages: list[str], log: Path) -> None:
    """Install the packages with apt, as root or by a sudo that asks for no password.

    Raises:
        SystemPackagesError: If apt is absent, not permitted, or fails.
    """
    by_hand = f'install them with: sudo apt-get install {" ".join(packages)}'
    prefix = _root_prefix()
    if prefix is None or shutil.which('apt-get') is None:
        raise SystemPackagesError(f'missing system packages; {by_hand}')
    progress.say(f'setup: adding system packages: {" ".join(packages)}')
    options = ['install', '--yes', '--no-install-recommends', *packages]
    for arguments in (['update'], options):
        if not _runs([*prefix, 'apt-get', *arguments], log):
            raise SystemPackagesError(f'apt-get {arguments[0]} failed (see {log}); {by_hand}')


def _root_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    sudo = shutil.which('sudo')
    if sudo and subprocess.run([sudo, '-n', 'true'], capture_output=True).returncode == 0:
        return [sudo, '-n']
    return None


def _runs(command: list[str], log: Path) -> bool:
    environ = dict(os.environ, DEBIAN_FRONTEND='noninteractive')
    with log.open('a') as output:
        result = subprocess.run(command, stdout=output, stderr=output, env=environ)
    return result.returncode == 0


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
