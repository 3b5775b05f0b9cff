import json
import os
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from xml.etree import ElementTree

import pytest
from project_files import PACKAGES, ROOT

import sakiyomi
from sakiyomi.errors import BadInputError
from sakiyomi.paths import SHARED, share_dir

INSPECT_SETUP = """
import json, runpy, setuptools
setuptools.setup = lambda **arguments: print(json.dumps(arguments))
runpy.run_path('setup.py')
"""


@pytest.fixture(scope='module')
def setup_arguments():
    command = [sys.executable, '-c', INSPECT_SETUP]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


def manifest_version(path):
    return ElementTree.parse(path / 'package.xml').getroot().findtext('version')


def test_there_is_one_version(setup_arguments):
    interfaces = ROOT / 'sakiyomi_interfaces'
    project = tomllib.loads((interfaces / 'pyproject.toml').read_text())['project']
    versions = {
        'setup.py': setup_arguments['version'],
        'package.xml': manifest_version(ROOT),
        'sakiyomi_interfaces/package.xml': manifest_version(interfaces),
        'sakiyomi_interfaces/pyproject.toml': project['version'],
    }
    assert versions == dict.fromkeys(versions, sakiyomi.__version__)


def test_every_entry_point_resolves(setup_arguments):
    scripts = setup_arguments['entry_points']['console_scripts']
    assert len(scripts) == 5
    for name, target in (script.split(' = ') for script in scripts):
        assert callable(EntryPoint(name, target, 'console_scripts').load()), name


def test_every_package_is_installed(setup_arguments):
    folders = {path.parent for name in PACKAGES for path in (ROOT / name).rglob('__init__.py')}
    names = {'.'.join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(setup_arguments['packages']) == names


def test_every_folder_with_python_files_is_a_package():
    folders = {path.parent for name in PACKAGES for path in (ROOT / name).rglob('*.py')}
    assert len(folders) > len(PACKAGES)
    for folder in folders:
        assert (folder / '__init__.py').is_file(), folder.relative_to(ROOT)


def test_the_shared_files_are_installed(setup_arguments):
    installed = {file for _, files in setup_arguments['data_files'] for file in files}
    folders = {file.partition('/')[0] for file in installed}
    assert {name for name in SHARED if (ROOT / name).is_dir()} <= folders
    assert all((ROOT / file).is_file() for file in installed)


def test_shared_files_are_found_in_the_source_tree():
    assert share_dir('urdf') == ROOT / 'urdf'
    assert (share_dir('config') / 'fastdds.xml').is_file()


def test_shared_files_are_found_in_an_install(tmp_path):
    package = tmp_path / 'lib' / 'python3.11' / 'site-packages' / 'sakiyomi'
    package.mkdir(parents=True)
    for name in ('__init__', 'errors', 'paths'):
        (package / f'{name}.py').write_text((ROOT / 'sakiyomi' / f'{name}.py').read_text())
    (tmp_path / 'share' / 'sakiyomi' / 'config').mkdir(parents=True)
    command = [sys.executable, '-c', 'import sakiyomi.paths as p; print(p.share_dir("config"))']
    environ = dict(os.environ, PYTHONPATH=str(package.parent))
    result = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert result.stdout.strip() == str(tmp_path / 'share' / 'sakiyomi' / 'config')


def test_an_unknown_shared_folder_is_refused():
    with pytest.raises(BadInputError, match=r"got 'weights', expected one of config"):
        share_dir('weights')
