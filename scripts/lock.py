"""Resolve requirements.in into requirements.lock: every distribution at one exact version.

Pins that still satisfy requirements.in stay, so that adding one dependency does not move the
others; delete requirements.lock first to take the newest of everything.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE, LOCK = ROOT / 'requirements.in', ROOT / 'requirements.lock'
HEADER = '# Made by `make lock` from requirements.in. Do not edit.\n'


def resolve() -> dict[str, str]:
    """The version of every distribution that requirements.in needs, by name."""
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--dry-run']
    command += ['--ignore-installed', '--report', '-', '--requirement', str(SOURCE)]
    if LOCK.exists():
        command += ['--constraint', str(LOCK)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    metadata = [entry['metadata'] for entry in report['install']]
    return {each['name']: each['version'] for each in metadata}


def public_version(version: str) -> str:
    """The version without its local part, which names a build such as +cpu."""
    return version.partition('+')[0]


def main() -> int:
    """Write requirements.lock."""
    pins = sorted(resolve().items(), key=lambda pin: pin[0].lower())
    lines = [f'{name}=={public_version(version)}\n' for name, version in pins]
    LOCK.write_text(HEADER + ''.join(lines))
    return 0


if __name__ == '__main__':
    sys.exit(main())
