"""The doctor finds what is there and says how to mend what is not."""

import json

import pytest

from sakiyomi_bringup import checkup
from sakiyomi_bringup.checkup import BAD, INFO, OK, WARN
from sakiyomi_cli.main import main


@pytest.fixture(autouse=True)
def signals():
    import signal

    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_nothing_needed_is_broken_here(tmp_path, capsys):
    path = tmp_path / 'findings.json'
    assert main(['doctor', '--json', str(path)]) == 0
    findings = json.loads(path.read_text())
    assert {f['section'] for f in findings} == {'installed', 'engines', 'machine', 'topics'}
    names = {f['name']: f for f in findings}
    assert names['rclpy']['status'] == OK
    assert names['sakiyomi_interfaces']['status'] == OK
    assert names['graph']['status'] == INFO  # nothing runs in this test's domain
    assert all(f['cure'] for f in findings if f['status'] in (WARN, BAD))
    assert 'nothing needed is broken' in capsys.readouterr().out


def test_a_missing_package_is_named_with_its_cure(monkeypatch, capsys):
    needed = {**checkup.NEEDED, 'no_such_module': ('no-such-package', 'imagined work')}
    monkeypatch.setattr(checkup, 'NEEDED', needed)
    assert main(['doctor']) == 1
    out = capsys.readouterr().out
    assert 'broken: no_such_module' in out
    assert 'make setup' in out
