"""Bad usage and bad input: exit status 2 and exactly one line on stderr that says what to do."""

import signal
import socket

import pytest

from sakiyomi_cli.main import COMMANDS, main


@pytest.fixture(autouse=True)
def signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def status_of(args):
    try:
        return main(args)
    except SystemExit as leaving:
        return leaving.code


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ('args', 'says'),
    [
        ([], 'COMMAND'),
        (['juggle'], "invalid choice: 'juggle'"),
        (['demo', '--sede', '1'], 'unrecognized arguments: --sede 1'),
        (['demo', '--seed', 'one'], "argument --seed: invalid int value: 'one'"),
        (['demo', '--seed', '-1'], '--seed: got -1, expected 0 or more'),
        (['demo', '--scene', 'heap'], "invalid choice: 'heap'"),
        (['demo', '--objects', '/no/such/folder'], "objects '/no/such/folder': no such folder"),
        (['demo', '--domain-id', '999'], '--domain-id: got 999, expected 0 to 232'),
        (['demo', '--port', '70000'], '--port: got 70000, expected 1 to 65535'),
        (['demo', '--config-dir', '/no/such', '--no-viewer'], 'no such file'),
        (['sim', '--objects', '/no/such/folder'], 'no such folder'),
        (['pick', '--id', '-3'], '--id: got -3, expected 0 to 4294967295'),
        (['pick', '--id', '3', '--point', '0', '0', '0'], 'not allowed with'),
        (['pick', '--point', 'nan', '0', '0'], '--point: got [nan, 0.0, 0.0], expected finite'),
        (['pick', '--force', '-2'], '--force: got -2.0, expected 0 or more'),
        (['doctor', '--port', '0'], '--port: got 0, expected 1 to 65535'),
        (['evaluate'], 'NAME'),
        (['evaluate', 'beauty'], "invalid choice: 'beauty'"),
        (['evaluate', 'latency', '--seconds', 'nan'], '--seconds: got nan, expected 1 to 3600'),
        (['evaluate', 'latency', '--json', '/no/such/f.json'], 'expected a folder'),
        (['evaluate', 'latency', '--objects', '/no/such/folder'], 'no such folder'),
        (['evaluate', 'clutter', '--objects', '/no/such/folder'], 'no such folder'),
    ],
    ids=lambda value: ' '.join(value) if isinstance(value, list) else None,
)
def test_bad_usage_is_one_line_and_status_2(args, says, capsys):
    assert status_of(args) == 2
    out, err = capsys.readouterr()
    assert out == ''
    assert says in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize('command', ['demo', 'sim'])
def test_a_taken_port_names_the_cure(command, taken_port, capsys):
    assert status_of([command, '--port', str(taken_port)]) == 2
    err = capsys.readouterr().err
    assert str(taken_port) in err
    assert 'choose another one with --port' in err
    assert len(err.splitlines()) == 1


def test_an_empty_object_folder_is_refused(tmp_path, capsys):
    assert status_of(['demo', '--objects', str(tmp_path)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_has_help(command, capsys):
    assert status_of([command, '--help']) == 0
    assert f'sakiyomi {command}' in capsys.readouterr().out


def test_pick_without_a_graph_fails_in_one_line(capsys, monkeypatch):
    from sakiyomi_ros.clients import pick_client

    monkeypatch.setattr(pick_client, 'SERVER_TIMEOUT_S', 0.5)
    assert status_of(['pick']) == 1
    err = capsys.readouterr().err
    assert 'is a graph up?' in err
    assert len(err.splitlines()) == 1
