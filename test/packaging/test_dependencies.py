import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
from project_files import PACKAGES, ROOT, imported_names, source_files

NOT_ON_PYPI = {'control_msgs', 'launch', 'launch_ros', 'tf2_msgs', 'vision_msgs'}
INSTALLED_ASIDE = {'coal': ['coal'], 'pinocchio': ['pin']}  # in a prefix of their own
NOT_FOR_EVERYBODY = {'tensorrt', 'tensorrt_rtx'}  # NVIDIA's, where there is its GPU


def canonical(name):
    return re.sub(r'[-_.]+', '-', name).lower()


def requirement_lines(name):
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


@pytest.fixture(scope='module')
def pins():
    return dict(line.split('==') for line in requirement_lines('requirements.lock'))


def test_every_pin_is_one_exact_public_version():
    lines = requirement_lines('requirements.lock')
    assert len(lines) > 50
    for line in lines:
        assert re.fullmatch(r'[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*', line), line


def test_every_direct_dependency_is_pinned(pins):
    pinned = {canonical(name) for name in pins}
    wanted = {canonical(line.partition('==')[0]) for line in requirement_lines('requirements.in')}
    assert wanted <= pinned, wanted - pinned


def test_torch_is_the_agreed_version(pins):
    assert pins['torch'] == '2.13.0'


def test_every_import_comes_from_a_direct_dependency():
    wanted = {canonical(line.partition('==')[0]) for line in requirement_lines('requirements.in')}
    providers = {**packages_distributions(), **INSTALLED_ASIDE}
    files = [path for package in [*PACKAGES, 'test'] for path in source_files(package)]
    siblings = {path.stem for folder in ('scripts', 'test') for path in source_files(folder)}
    ours = {*PACKAGES, 'sakiyomi_interfaces', *siblings, *NOT_ON_PYPI, *NOT_FOR_EVERYBODY}
    foreign = {name for path in files for name in imported_names(path)} - ours
    foreign -= sys.stdlib_module_names
    assert {'numpy', 'torch', 'rclpy'} <= foreign
    for name in foreign:
        found = {canonical(provider) for provider in providers.get(name, [])}
        ros = {f'ros-jazzy-{each.removeprefix("ros-")}' for each in found}
        assert (found | ros) & wanted, f'{name} is imported, but not in requirements.in'


def test_what_is_installed_fits_together():
    command = [sys.executable, '-m', 'pip', 'check', '--disable-pip-version-check']
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_set_up_needs_only_the_standard_library():
    scripts = {path.stem for path in (ROOT / 'scripts').glob('*.py')}
    assert 'set_up' in scripts
    for path in (ROOT / 'scripts').glob('*.py'):
        ast.parse(path.read_text(), feature_version=(3, 8))
        assert imported_names(path) <= set(sys.stdlib_module_names) | scripts, path.name
