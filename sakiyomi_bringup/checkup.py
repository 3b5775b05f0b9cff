"""What this installation and machine are worth: findings, each with its cure; no middleware."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from sakiyomi import __version__
from sakiyomi.errors import BadInputError
from sakiyomi.finding import BAD, INFO, OK, WARN, Finding
from sakiyomi.paths import share_dir

SETUP = 'run `make setup`'
ROBOT = 'comes with a full ROS 2 installation'
MIN_PYTHON = (3, 11)
MIN_SHARED_MEMORY_MIB = 128  # a segment of 8 MiB for each process, and room for more of them

# import name → (distribution, what it is for)
NEEDED = {
    'numpy': ('numpy', 'arrays'),
    'scipy': ('scipy', 'rotations, trees'),
    'yaml': ('PyYAML', 'parameter files'),
    'rich': ('rich', 'the command line'),
    'psutil': ('psutil', 'CPU figures'),
    'pinocchio': ('pin', 'kinematics'),
    'coal': ('coal', 'collision'),
    'ompl': ('ompl', 'path search'),
    'toppra': ('toppra', 'trajectories'),
    'cv2': ('opencv-python-headless', 'pictures'),
    'pybullet': ('pybullet', 'simulation'),
    'open3d': ('open3d', 'ray casting'),
    'viser': ('viser', 'the browser page'),
    'rclpy': ('ros-jazzy-rclpy', 'ROS 2'),
    'sakiyomi_interfaces': ('sakiyomi-interfaces', 'our messages'),
}
OPTIONAL = {
    'torch': ('torch', 'training', SETUP),
    'onnxruntime': ('onnxruntime', 'the default inference engine', 'pip install onnxruntime'),
    'launch_ros': ('launch-ros', 'launch files; `sakiyomi sim` does without', ROBOT),
    'control_msgs': ('control-msgs', 'FollowJointTrajectory', ROBOT),
    'tf2_msgs': ('tf2-msgs', 'frames for other nodes', ROBOT),
}
NOT_IMPORTED = ('pybullet',)  # writes to standard output when it is
TENSORRT = ('tensorrt', 'tensorrt_rtx')


def installed() -> Iterator[Finding]:
    """Python, ROS and every package."""
    yield _python()
    yield Finding('installed', 'sakiyomi', OK, __version__)
    yield _ros()
    for name, (distribution, purpose) in NEEDED.items():
        yield _package(name, distribution, purpose, BAD, SETUP)
    for name, (distribution, purpose, cure) in OPTIONAL.items():
        yield _package(name, distribution, purpose, INFO, cure)


def engines() -> Iterator[Finding]:
    """What networks can run on."""
    runtime = _imported('onnxruntime')
    if isinstance(runtime, ModuleType):
        providers = ', '.join(runtime.get_available_providers())
        yield Finding('engines', 'onnxruntime', OK, providers)
    else:
        yield Finding('engines', 'onnxruntime', INFO, 'not found', 'pip install onnxruntime')
    torch = _imported('torch')
    cuda = isinstance(torch, ModuleType) and torch.cuda.is_available()
    detail = torch.cuda.get_device_name() if cuda else 'no CUDA device that torch can use'
    yield Finding('engines', 'CUDA', OK if cuda else INFO, detail)
    found = [name for name in TENSORRT if importlib.util.find_spec(name)]
    detail = ', '.join(f'{name} {_version(name, name)}' for name in found) or 'not found'
    yield Finding('engines', 'TensorRT', OK if found else INFO, detail)


def machine(port: int) -> Iterator[Finding]:
    """Port, shared memory, parameter files and environment."""
    yield _port(port)
    yield _shared_memory()
    yield from _files()
    cores = len(os.sched_getaffinity(0))
    status = OK if cores >= 2 else WARN
    yield Finding('machine', 'cores', status, str(cores), '' if cores >= 2 else 'use two or more')
    for variable in ('AMENT_PREFIX_PATH', 'ROS_DOMAIN_ID', 'ROS_AUTOMATIC_DISCOVERY_RANGE'):
        yield Finding('machine', variable, INFO, os.environ.get(variable, 'not set'))


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info >= MIN_PYTHON:
        return Finding('installed', 'Python', OK, version)
    wanted = '.'.join(map(str, MIN_PYTHON))
    return Finding('installed', 'Python', BAD, version, f'install Python {wanted} or newer')


def _ros() -> Finding:
    distro = os.environ.get('ROS_DISTRO') or _wheel_distro()
    if distro:
        rmw = os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp (default)')
        return Finding('installed', 'ROS 2', OK, f'{distro}, {rmw}')
    return Finding(
        'installed', 'ROS 2', BAD, 'not found', f'{SETUP}, or source a ROS 2 installation'
    )


def _wheel_distro() -> str:
    """The distribution that the ROS wheels of this interpreter are of."""
    names = (d.metadata['Name'] or '' for d in importlib.metadata.distributions())
    for name in names:
        prefix, _, rest = name.replace('_', '-').partition('-')
        if prefix == 'ros' and rest.endswith('-rclpy'):
            return f'{rest.removesuffix("-rclpy")} (wheels)'
    return ''


def _package(name: str, distribution: str, purpose: str, missing: str, cure: str) -> Finding:
    if name in NOT_IMPORTED and importlib.util.find_spec(name):
        return Finding('installed', name, OK, _version(name, distribution))
    module = _imported(name)
    if isinstance(module, ModuleType):
        return Finding('installed', name, OK, _version(name, distribution))
    return Finding('installed', name, missing, f'{purpose}: {module}', cure)


def _imported(name: str) -> ModuleType | str:
    """The module, or in one line why it cannot be imported."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        return ' '.join(str(error).split())


def _version(name: str, distribution: str) -> str:
    for candidate in (distribution, name):
        try:
            return importlib.metadata.version(candidate)
        except importlib.metadata.PackageNotFoundError:
            continue
    return str(getattr(sys.modules.get(name), '__version__', 'version unknown'))


def _port(port: int) -> Finding:
    try:
        from viewer_node.port import require_free_port
    except ImportError as error:
        return Finding('machine', f'port {port}', BAD, str(error), SETUP)
    try:
        require_free_port('127.0.0.1', port)
    except BadInputError as error:
        cure = f'fine if it is the page itself; else give another one: --port {port + 1}'
        return Finding('machine', f'port {port}', WARN, str(error), cure)
    return Finding('machine', f'port {port}', OK, 'free')


def _shared_memory() -> Finding:
    folder = Path('/dev/shm')
    if not folder.is_dir():
        return Finding('machine', 'shared memory', WARN, 'no /dev/shm', 'messages go through UDP')
    size_mib = shutil.disk_usage(folder).total // 2**20
    if size_mib >= MIN_SHARED_MEMORY_MIB:
        return Finding('machine', 'shared memory', OK, f'{size_mib} MiB')
    cure = f'give it {MIN_SHARED_MEMORY_MIB} MiB or more (in Docker: --shm-size=512m)'
    return Finding('machine', 'shared memory', WARN, f'{size_mib} MiB', cure)


def _files() -> Iterator[Finding]:
    for folder, name in (('config', 'fastdds.xml'), ('urdf', 'workcell.urdf')):
        path = share_dir(folder) / name
        found = path.is_file()
        yield Finding('machine', name, OK if found else BAD, str(path), '' if found else SETUP)
