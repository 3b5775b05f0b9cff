"""Runs that can be trusted with a night: resumed, spread over cores, counted where they fail."""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_data.experiments.journal import Journal, journal_file
from sakiyomi_data.experiments.rounds import Round, run_rounds
from sakiyomi_data.results import write_results

ROUNDS = [Round(index, 100 + index) for index in range(6)]


def make_work(fails=(), dies=(), log=None):
    """Notes in a file that it was carried out; the record follows from the seed alone."""

    def work(one):
        if log is not None:
            with open(log, 'a') as stream:
                stream.write(f'{one.index}\n')
        if one.index in fails:
            raise ValueError(f'round {one.index}\nis bad')
        if one.index in dies:
            os.kill(os.getpid(), signal.SIGSEGV)
        return {'third': one.seed / 3.0, 'threads': os.environ['OMP_NUM_THREADS']}

    return work


def make_nothing():
    raise BadInputError('objects: got none, expected some')


def arguments(path=None, workers=1, afresh=False, **more):
    json_file = None if path is None else str(path)
    return argparse.Namespace(json=json_file, workers=workers, afresh=afresh, speed=1.5, **more)


def carried_out(log):
    return [int(line) for line in log.read_text().split()]


@pytest.fixture(scope='module')
def whole():
    return run_rounds(make_work, ROUNDS, arguments())


def test_two_workers_make_what_one_makes(whole):
    assert run_rounds(make_work, ROUNDS, arguments(workers=2)) == whole
    assert [record['third'] for record in whole.records] == [r.seed / 3.0 for r in ROUNDS]


def test_every_worker_computes_on_one_thread_as_nodes_do(whole):
    expected = os.environ.get('OMP_NUM_THREADS', '1')
    assert {record['threads'] for record in whole.records} == {expected}


def test_a_resumed_run_carries_out_only_what_is_missing_and_ends_the_same(whole, tmp_path):
    path, log = tmp_path / 'f.json', tmp_path / 'log'
    work = partial(make_work, log=str(log))
    run_rounds(work, ROUNDS[:3], arguments(path))
    with journal_file(path).open('ab') as stream:
        stream.write(b'{"index": 3, "seed": 103, "rec')  # the power went
    assert run_rounds(work, ROUNDS, arguments(path, workers=2)) == whole
    assert sorted(carried_out(log)) == [r.index for r in ROUNDS]


def test_fewer_rounds_are_taken_from_a_longer_journal(whole, tmp_path):
    path = tmp_path / 'f.json'
    run_rounds(make_work, ROUNDS, arguments(path))
    assert run_rounds(make_work, ROUNDS[:2], arguments(path)).records == whole.records[:2]


def test_a_round_that_raises_is_counted_with_its_reason_in_one_line(whole, tmp_path):
    log = tmp_path / 'log'
    work = partial(make_work, fails=(1,), log=str(log))
    finished = run_rounds(work, ROUNDS, arguments(workers=2))
    (failed,) = finished.failed
    assert (failed['index'], failed['seed']) == (1, 101)
    assert failed['failed'].startswith('ValueError: round 1 is bad (test_rounds.py:')
    assert finished.records == [whole.records[i] for i in (0, 2, 3, 4, 5)]
    assert len(carried_out(log)) == len(ROUNDS)


def test_a_worker_that_dies_is_a_failed_round_and_the_rest_goes_on(whole):
    finished = run_rounds(partial(make_work, dies=(0,)), ROUNDS[:3], arguments())
    assert finished.failed[0]['failed'] == 'WorkerDied: the process was ended by SIGSEGV'
    assert finished.records == whole.records[1:3]


def test_if_all_rounds_fail_the_work_failed_and_the_next_run_tries_again(tmp_path):
    path = tmp_path / 'f.json'
    with pytest.raises(WorkFailedError, match=r'rounds: all 2 failed: .*ValueError'):
        run_rounds(partial(make_work, fails=(0, 1)), ROUNDS[:2], arguments(path))
    assert not journal_file(path).exists()


def test_what_no_worker_can_begin_with_is_bad_input():
    with pytest.raises(BadInputError, match='objects: got none'):
        run_rounds(make_nothing, ROUNDS, arguments())


def test_a_journal_of_other_arguments_or_inputs_is_refused_unless_begun_afresh(tmp_path):
    path, objects = tmp_path / 'f.json', tmp_path / 'objects'
    objects.mkdir()
    args = arguments(path, count=5)
    run_rounds(make_work, ROUNDS[:1], args, [objects])
    args.count = 6
    with pytest.raises(BadInputError, match=r'--count 5, got 6; expected the same, or --afresh'):
        run_rounds(make_work, ROUNDS[:1], args, [objects])
    args.count = 5
    (objects / 'box.obj').write_text('v 0 0 0')
    with pytest.raises(BadInputError, match='another state of the inputs'):
        run_rounds(make_work, ROUNDS[:1], args, [objects])
    args.afresh = True
    assert len(run_rounds(make_work, ROUNDS[:1], args, [objects]).records) == 1


def test_a_journal_is_written_by_one_run_at_a_time(tmp_path):
    first = Journal(tmp_path / 'j', {})
    with pytest.raises(BadInputError, match='another run is writing it'):
        Journal(tmp_path / 'j', {})
    first.close()
    Journal(tmp_path / 'j', {}).close()


def test_something_else_in_place_of_a_journal_is_refused(tmp_path):
    for content in (b'{"a": 1}\n', b'half\n{}\n', b'[]\n'):
        (tmp_path / 'j').write_bytes(content)
        with pytest.raises(BadInputError, match='--afresh'):
            Journal(tmp_path / 'j', {'code': 'x'})
        assert (tmp_path / 'j').read_bytes() == content


def test_the_journal_goes_once_the_figures_are_written(tmp_path):
    path = tmp_path / 'f.json'
    args = arguments(path)
    finished = run_rounds(make_work, ROUNDS[:1], args)
    assert journal_file(path).exists()
    write_results(args.json, {'rounds': finished.records}, args)
    assert not journal_file(path).exists()
    assert json.loads(path.read_text())['rounds'] == finished.records


def test_an_interrupted_run_says_what_is_kept_and_leaves_no_process_behind(tmp_path):
    path = tmp_path / 'f.json'
    command = [sys.executable, str(Path(__file__).with_name('slow_rounds.py')), str(path)]
    environment = os.environ | {'TMPDIR': str(tmp_path), 'PYTHONPATH': os.getcwd()}
    run = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: lines_in(journal_file(path)) == 2)
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does, to every process of the terminal
    told = run.communicate(timeout=60)[1]
    assert run.returncode == 1
    line = 'sakiyomi: interrupted: 1 of 4 rounds are kept; the same command goes on'
    assert told.strip().splitlines()[-1] == line
    assert 'Traceback' not in told
    wait_for(lambda: not living(run.pid))
    assert not list(tmp_path.glob('slow_rounds_*'))


def lines_in(path):
    return len(path.read_text().splitlines()) if path.exists() else 0


def living(group):
    """The processes of a group; one that has ended and only waits for its parent is none."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def wait_for(condition, limit_s=60.0):
    end_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end_s, 'it took too long'
        time.sleep(0.02)
