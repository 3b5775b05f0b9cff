import subprocess
import sys

import pytest
from project_files import ROOT

sys.path.insert(0, str(ROOT / 'scripts'))

import progress
import set_up
import system_packages


def python(code):
    return [sys.executable, '-c', code]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose stages note that they ran."""
    ran = []
    for name in ('requirements.lock', 'setup.py', 'setup.cfg', 'package.xml'):
        (tmp_path / name).write_text(name)
    (tmp_path / 'sakiyomi_interfaces').mkdir()
    (tmp_path / 'sakiyomi_interfaces' / 'A.msg').write_text('bool a')
    (tmp_path / 'world_model_node').mkdir()
    (tmp_path / 'world_model_node' / '__init__.py').touch()
    (tmp_path / 'world_model_node' / 'loops.py').write_text('@compiled')
    (tmp_path / '.venv' / 'bin').mkdir(parents=True)
    (tmp_path / '.venv' / 'bin' / 'python').touch()
    monkeypatch.setattr(set_up, 'ROOT', tmp_path)
    monkeypatch.setattr(set_up, 'VENV', tmp_path / '.venv')
    monkeypatch.setattr(set_up, 'PYTHON', tmp_path / '.venv' / 'bin' / 'python')
    monkeypatch.setattr(set_up, 'STAMP', tmp_path / '.venv' / 'stamp.json')
    monkeypatch.setattr(set_up, 'LOCK', tmp_path / 'requirements.lock')
    monkeypatch.setattr(set_up, 'INTERFACES', tmp_path / 'sakiyomi_interfaces')
    stages = {name: lambda name=name: ran.append(name) for name in set_up.STAGES}
    monkeypatch.setattr(set_up, 'STAGES', stages)
    monkeypatch.setattr(system_packages, 'missing', list)
    return tmp_path, ran


def test_a_second_set_up_does_nothing(project):
    _, ran = project
    assert set_up.main() == 0
    assert ran == ['packages', 'interfaces', 'project', 'compiled']
    assert set_up.main() == 0
    assert len(ran) == 4


@pytest.mark.parametrize(
    ('changed', 'expected'),
    [
        ('requirements.lock', ['packages', 'interfaces', 'project', 'compiled']),
        ('sakiyomi_interfaces/A.msg', ['interfaces']),
        ('setup.py', ['project']),
        ('world_model_node/loops.py', ['compiled']),
    ],
)
def test_only_what_a_change_touches_runs_again(project, changed, expected):
    root, ran = project
    set_up.main()
    ran.clear()
    (root / changed).write_text('@compiled again')
    set_up.main()
    assert ran == expected


def test_an_unsuitable_python_is_named_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'version_info', (3, 9, 2))
    assert set_up.main() == 1
    assert capsys.readouterr().err.startswith('setup: Python 3.9: expected 3.11')


def test_without_the_right_to_install_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(system_packages, '_root_prefix', lambda: None)
    with pytest.raises(
        system_packages.SystemPackagesError, match=r'sudo apt-get install g\+\+ libgl1$'
    ):
        system_packages.install(['g++', 'libgl1'], tmp_path / 'log')


def test_a_failed_command_is_told_by_its_last_error(tmp_path):
    talk = 'print("Collecting x"); print("ERROR: no such package"); print("bye"); exit(3)'
    with pytest.raises(progress.CommandError, match='installing x failed: ERROR: no such package'):
        progress.run('installing x', python(talk), tmp_path / 'log')
    assert 'bye' in (tmp_path / 'log').read_text()


def test_another_ros_does_not_leak_into_the_set_up(monkeypatch):
    monkeypatch.setenv('PYTHONPATH', '/opt/ros/jazzy')
    monkeypatch.setenv('_ROS_WHEELS_BOOTSTRAP_COMPLETE', '1')
    assert not {'PYTHONPATH', '_ROS_WHEELS_BOOTSTRAP_COMPLETE'} & set(progress.clean_environment())


def test_make_without_python_says_so():
    result = subprocess.run(['make', 'setup', 'PYTHON='], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode != 0
    assert 'no Python: install python3.11' in result.stderr
