"""Make .venv ready to run: `make setup`.

Each stage is remembered by a fingerprint of what it depends on and runs again only when that
changes. Needs nothing but Python's standard library.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

import progress
import system_packages

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / '.venv'
PYTHON = VENV / 'bin' / 'python'
STAMP = VENV / 'setup-stamp.json'
LOG = VENV / 'setup.log'
LOCK = ROOT / 'requirements.lock'
INTERFACES = ROOT / 'sakiyomi_interfaces'
PYTHON_VERSIONS = ((3, 11), (3, 12), (3, 13))
TORCH_CPU_INDEX = 'https://download.pytorch.org/whl/cpu'


class SetupError(Exception):
    """The set-up cannot go on; the message is one line that says what to do."""


def main() -> int:
    """Run the stages that are out of date; the exit status."""
    try:
        check_python()
        with Path(__file__).open() as own:
            wait_for_turn(own)
            run_stages()
    except (SetupError, progress.CommandError, system_packages.SystemPackagesError) as error:
        sys.stderr.write(f'setup: {error}\n')
        return 1
    except KeyboardInterrupt:
        sys.stderr.write('setup: interrupted; run it again to go on\n')
        return 130
    progress.say('setup: ready')
    return 0


def wait_for_turn(file: IO[str]) -> None:
    """Hold the file's lock, so that two set-ups do not write into one .venv."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        progress.say('setup: waiting for another set-up of this folder')
        fcntl.flock(file, fcntl.LOCK_EX)


def run_stages() -> None:
    """Do what is out of date, and remember each stage that got done."""
    stages = out_of_date()
    if stages:
        add_system_packages()
    for name, print_now in stages.items():
        STAGES[name]()
        remember(name, print_now)


def check_python() -> None:
    """Refuse a Python for which the pinned packages do not exist."""
    if sys.version_info[:2] not in PYTHON_VERSIONS:
        raise SetupError(
            f'Python {sys.version_info[0]}.{sys.version_info[1]}: expected 3.11 '
            '(3.12 and 3.13 are untested); install python3.11 or run make PYTHON=/path/to/python'
        )


def out_of_date() -> dict[str, str]:
    """The fingerprints of the stages that must run, in order."""
    done = json.loads(STAMP.read_text()) if STAMP.exists() and PYTHON.exists() else {}
    return {name: now for name, now in fingerprints().items() if done.get(name) != now}


def remember(name: str, print_now: str) -> None:
    """Note that a stage is done."""
    done = json.loads(STAMP.read_text()) if STAMP.exists() else {}
    STAMP.write_text(json.dumps(done | {name: print_now}, indent=2) + '\n')


def fingerprints() -> dict[str, str]:
    """What each stage depends on, hashed; each includes the stages before it."""
    packages = digest([LOCK], sys.version + str(has_nvidia_gpu()))
    sources = sorted(path for path in INTERFACES.rglob('*') if path.is_file())
    interfaces = digest(sources, packages)
    project_files = [ROOT / name for name in ('setup.py', 'setup.cfg', 'package.xml')]
    packages_of_ours = sorted(path.parent for path in ROOT.glob('*/__init__.py'))
    top_level = ' '.join(path.name for path in packages_of_ours)
    sources = sorted(path for package in packages_of_ours for path in package.rglob('*.py'))
    loops = [path for path in sources if b'@compiled' in path.read_bytes()]
    return {
        'packages': packages,
        'interfaces': interfaces,
        'project': digest(project_files, packages + top_level),
        'compiled': digest(loops, packages),
    }


def digest(files: Iterable[Path], more: str) -> str:
    """The hash of the files' names and contents and of a further text."""
    content = hashlib.sha256(more.encode())
    for path in files:
        content.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return content.hexdigest()


def has_nvidia_gpu() -> bool:
    """Whether an NVIDIA driver is at work here."""
    return any(Path(path).exists() for path in ('/proc/driver/nvidia/version', '/dev/nvidiactl'))


def add_system_packages() -> None:
    """Install what is missing of the compiler and the shared libraries."""
    absent = system_packages.missing()
    if absent:
        LOG.parent.mkdir(exist_ok=True)
        system_packages.install(absent, LOG)


def install_packages() -> None:
    """Make .venv and install every pinned package."""
    make_venv()
    lines = LOCK.read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith('#')]
    install_torch(next(pin for pin in pins if pin.startswith('torch==')))
    title = 'installing the pinned packages (about 3 minutes)'
    pip(title, '--no-deps', '--requirement', str(LOCK), total=len(pins))


def make_venv() -> None:
    """Make .venv anew unless it is of this Python."""
    version = [str(PYTHON), '-I', '-S', '-c', 'import sys; sys.stdout.write(sys.version)']
    if PYTHON.exists():
        found = subprocess.run(version, capture_output=True, text=True)
        if found.stdout == sys.version:
            return
    progress.say('setup: making .venv')
    venv.create(VENV, clear=VENV.exists(), symlinks=True, with_pip=True)


def install_torch(pin: str) -> None:
    """Install torch: the CPU build, gigabytes smaller, unless there is an NVIDIA GPU."""
    if has_nvidia_gpu():
        pip('installing torch for the GPU', pin)
        return
    cpu_build = ('--no-deps', f'{pin}+cpu')
    try:
        pip('installing torch (CPU)', *cpu_build)
    except progress.CommandError:
        source = ('--index-url', TORCH_CPU_INDEX)
        pip('installing torch (CPU) from its own index', *source, *cpu_build)


def build_interfaces() -> None:
    """Build and install the messages."""
    source = ('--no-build-isolation', '--no-deps', '--force-reinstall', str(INTERFACES))
    pip('building sakiyomi_interfaces (about 1 minute)', *source)


def install_project() -> None:
    """Install this project so that its sources are used in place."""
    pip('installing sakiyomi', '--no-build-isolation', '--no-deps', '--editable', str(ROOT))


def compile_loops() -> None:
    """Look at something made up once, so that the first start of a node need not compile."""
    code = 'from world_model_node import config, core; core.WorldModel(config.WorldModelConfig())'
    progress.run('compiling the fusion (about 20 seconds)', [str(PYTHON), '-c', code], LOG)


def pip(title: str, *arguments: str, total: int = 0) -> None:
    """Install something into .venv."""
    command = [str(PYTHON), '-m', 'pip', 'install', *arguments]
    progress.run(title, command, LOG, total)


STAGES: dict[str, Callable[[], None]] = {
    'packages': install_packages,
    'interfaces': build_interfaces,
    'project': install_project,
    'compiled': compile_loops,
}

if __name__ == '__main__':
    sys.exit(main())
