"""`sim` and `demo` as a user starts them: they run, and they end everything they started."""

import os
import re
import signal
import subprocess
import sys
import time

import psutil
import pytest

PATIENCE_S = 120.0


def start(*args):
    command = [sys.executable, '-m', 'sakiyomi_cli', *args]
    environment = {**os.environ, 'PYTHONUNBUFFERED': '1'}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def ended(process):
    try:
        return process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        for child in [*psutil.Process(process.pid).children(recursive=True), process]:
            child.kill()
        raise


def wait_active(*names):
    from sakiyomi_ros.clients.pick_client import PickClient

    with PickClient() as client:
        client.wait_active(names, PATIENCE_S)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM], ids=lambda n: n.name)
def test_sim_runs_until_it_is_told_to_end(number):
    process = start('sim', '--no-viewer', '--count', '1')
    try:
        wait_active('simulation', 'world_model', 'planner')
        children = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(number)
        out, err = ended(process)
    assert process.returncode == 0, err
    assert 'simulation, world_model, planner in ROS domain' in out
    assert len(children) == 3
    assert not [child for child in children if child.is_running()]


def test_sim_fails_in_one_line_when_a_node_dies():
    process = start('sim', '--no-viewer', '--count', '1')
    try:
        wait_active('planner')
        children = psutil.Process(process.pid).children(recursive=True)
        planner = next(c for c in children if 'planner_node.node' in c.cmdline())
        planner.kill()
    except BaseException:
        process.terminate()
        raise
    _, err = ended(process)
    assert process.returncode == 1
    assert 'planner ended with exit code -9' in err.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize('seed', [0, 1, 2])
def test_demo_brings_four_of_five_objects_into_the_bin(seed):
    began_s = time.monotonic()
    process = start('demo', '--seed', str(seed), '--no-viewer')
    out, err = process.communicate(timeout=600.0)
    assert process.returncode == 0, out + err
    picks = re.findall(r'^pick +\d+  object +\d+  predicted [01]\.\d\d  \w+ +plan', out, re.M)
    assert len(picks) >= 4
    in_bin = int(re.search(r'^(\d) of 5 objects are in the bin', out, re.M)[1])
    assert in_bin >= 4
    assert time.monotonic() - began_s < 600.0
