"""Processes start with what the description says and always end, gently if they can."""

import os
import signal
import sys
import time

import pytest

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_bringup import process_graph
from sakiyomi_bringup.description import (
    CONFIG_DIR,
    LOG_LEVEL,
    ON_EXIT,
    SIM,
    Argument,
    Graph,
    NodeProcess,
)
from sakiyomi_bringup.process_graph import ProcessGraph, command_line

CALM = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
print('ready', sys.argv[1:])
time.sleep(60)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('ready')
time.sleep(60)
"""
DOOMED = """
import sys
print('ready')
sys.stderr.write('[FATAL] [doomed]: no arm: got none, expected one\\n')
sys.exit(3)
"""


@pytest.fixture
def graph_of(tmp_path, monkeypatch):
    """A graph of the given scripts, and the lines that they said."""
    (tmp_path / 'any.yaml').write_text('{}')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    steps = ((signal.SIGINT, 3.0), (signal.SIGTERM, 0.3), (signal.SIGKILL, 3.0))
    monkeypatch.setattr(process_graph, 'STOP_STEPS', steps)

    def make(on_exit='shutdown', **scripts):
        for name, text in scripts.items():
            (tmp_path / f'{name}.py').write_text(text)
        nodes = tuple(NodeProcess(n, n, n, 'any.yaml', {'depth': 'depth'}) for n in scripts)
        depth = Argument('depth', 'shallow', 'how deep it goes')
        lines = []
        graph = Graph('test', 'A test.', (depth, CONFIG_DIR, LOG_LEVEL, ON_EXIT), nodes)
        values = {'config_dir': str(tmp_path), 'on_exit': on_exit}
        return ProcessGraph(graph, values, lambda n, line: lines.append((n, line))), lines

    return make


def wait_for(condition, timeout_s=20.0):
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.02)


def said(lines, name):
    return lambda: any(n == name and 'ready' in line for n, line in lines)


def test_calm_processes_end_with_zero(graph_of):
    graph, lines = graph_of(one=CALM, two=CALM)
    with graph:
        wait_for(said(lines, 'one'))
        wait_for(said(lines, 'two'))
        graph.check()
        assert graph.stop() == {'one': 0, 'two': 0}


def test_a_process_that_ignores_signals_is_killed(graph_of):
    graph, lines = graph_of(calm=CALM, stubborn=STUBBORN)
    with graph:
        wait_for(said(lines, 'calm'))
        wait_for(said(lines, 'stubborn'))
    assert graph.exit_codes() == {'calm': 0, 'stubborn': -signal.SIGKILL}


def test_leaving_by_an_error_stops_everything(graph_of):
    graph, lines = graph_of(one=CALM)
    with pytest.raises(ZeroDivisionError), graph:
        wait_for(said(lines, 'one'))
        raise ZeroDivisionError
    assert graph.exit_codes() == {'one': 0}


def test_a_dead_process_is_told_with_its_last_words(graph_of):
    graph, lines = graph_of(doomed=DOOMED)
    with graph:
        wait_for(said(lines, 'doomed'))
        wait_for(graph.exit_codes)
        wait_for(lambda: len(lines) == 2)
        with pytest.raises(WorkFailedError, match=r'doomed ended with exit code 3.*no arm'):
            graph.check()


def lives(lines, name):
    return sum(n == name and 'ready' in line for n, line in lines)


def test_a_dead_process_is_started_again_where_the_graph_says_so(graph_of, monkeypatch):
    monkeypatch.setattr(process_graph, 'MIN_RESPAWN_DELAY_S', 0.1)
    graph, lines = graph_of('respawn', doomed=DOOMED, calm=CALM)
    with graph:
        wait_for(lambda: lives(lines, 'doomed') >= 3)
        graph.check()  # is not the end
        assert lives(lines, 'calm') == 1
        assert ('doomed', '[WARN] ended with exit code 3, starts again in 0.1 s') in lines
    count = lives(lines, 'doomed')
    time.sleep(0.5)
    assert lives(lines, 'doomed') == count


def test_a_process_that_keeps_dying_is_started_ever_more_seldom_but_goes_on(graph_of, monkeypatch):
    monkeypatch.setattr(process_graph, 'MIN_RESPAWN_DELAY_S', 0.01)
    monkeypatch.setattr(process_graph, 'MAX_RESPAWN_DELAY_S', 0.04)
    graph, lines = graph_of('respawn', doomed=DOOMED)
    with graph:
        wait_for(lambda: lives(lines, 'doomed') >= 6)
    delays = [line.split()[-2] for _, line in lines if 'starts again' in line]
    assert delays[:5] == ['0.01', '0.02', '0.04', '0.04', '0.04']


def test_a_process_that_was_started_again_ends_with_the_graph(graph_of, monkeypatch):
    monkeypatch.setattr(process_graph, 'MIN_RESPAWN_DELAY_S', 0.01)
    graph, lines = graph_of('respawn', calm=CALM)
    with graph:
        wait_for(said(lines, 'calm'))
        before = graph.pids['calm']
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: lives(lines, 'calm') == 2)
        assert graph.pids['calm'] != before
        assert graph.stop() == {'calm': 0}


def test_processes_get_their_parameters_as_text(graph_of):
    graph, lines = graph_of(one=CALM)
    with graph:
        wait_for(said(lines, 'one'))
    assert '\'depth:="shallow"\'' in lines[0][1]


def test_a_missing_parameter_file_is_told_before_anything_starts(tmp_path):
    with pytest.raises(BadInputError, match=r'simulation\.yaml: no such file'):
        ProcessGraph(SIM, {'config_dir': str(tmp_path)}, lambda *_: None)


def test_the_command_names_module_file_parameters_and_level(tmp_path):
    values = SIM.values({'seed': 7, 'log_level': 'warn'})
    command = command_line(SIM.nodes[0], values, tmp_path)
    assert command[:3] == [sys.executable, '-m', 'simulation_node.node']
    assert str(tmp_path / 'simulation.yaml') in command
    assert 'seed:=7' in command
    assert command[-2:] == ['--log-level', 'warn']
