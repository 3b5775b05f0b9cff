"""The launch files are the bring-up description, and launch_ros reads them so."""

import ast
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sakiyomi_bringup.description import GRAPHS, PACKAGE
from sakiyomi_bringup.launch_files import render, write

LAUNCH = Path(__file__).resolve().parents[2] / 'launch'
by_graph = pytest.mark.parametrize('graph', GRAPHS.values(), ids=lambda g: g.name)


def calls(graph, function):
    tree = ast.parse((LAUNCH / f'{graph.name}.launch.py').read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [c for c in found if isinstance(c.func, ast.Name) and c.func.id == function]


def keywords(call):
    return {k.arg: k.value for k in call.keywords}


@by_graph
def test_the_file_is_what_the_description_renders_to(graph):
    text = (LAUNCH / f'{graph.name}.launch.py').read_text()
    assert text == render(graph), 'run python -m sakiyomi_bringup.launch_files'


def test_there_is_no_other_launch_file(tmp_path):
    write(tmp_path)
    assert {p.name for p in LAUNCH.glob('*.launch.py')} == {p.name for p in tmp_path.iterdir()}


@by_graph
def test_every_argument_is_declared_with_its_description(graph):
    declared = calls(graph, 'DeclareLaunchArgument')
    assert [c.args[0].value for c in declared] == [a.name for a in graph.arguments]
    for call, argument in zip(declared, graph.arguments, strict=True):
        assert keywords(call)['description'].value == argument.description != ''


@by_graph
def test_every_node_is_started_with_its_remappings(graph):
    nodes = calls(graph, 'Node')
    assert [keywords(c)['executable'].value for c in nodes] == [n.executable for n in graph.nodes]
    for call, node in zip(nodes, graph.nodes, strict=True):
        remappings = keywords(call).get('remappings', ast.List(elts=[]))
        pairs = {e.elts[0].value: e.elts[1].args[0].value for e in remappings.elts}
        assert pairs == dict(node.remappings)


@by_graph
def test_every_node_ends_the_graph_or_starts_again_as_the_argument_says(graph):
    text = (LAUNCH / f'{graph.name}.launch.py').read_text()
    for outcome in ('shutdown', 'respawn'):
        condition = f"EqualsSubstitution(LaunchConfiguration('on_exit'), '{outcome}')"
        assert f'{outcome.upper()} = {condition}' in text
    for call in calls(graph, 'Node'):
        said = {name: ast.unparse(value) for name, value in keywords(call).items()}
        assert said['respawn'] == 'RESPAWN'
        assert said['on_exit'] == 'Shutdown(condition=IfCondition(SHUTDOWN))'


@pytest.fixture
def launch_ros():
    return pytest.importorskip(
        'launch_ros', reason='launch_ros is not on PyPI: it comes with a full ROS 2 installation'
    )


@by_graph
def test_launch_ros_reads_the_same_arguments_and_nodes(launch_ros, graph):
    from launch.launch_description_sources import get_launch_description_from_python_launch_file
    from launch_ros.actions import Node

    path = str(LAUNCH / f'{graph.name}.launch.py')
    description = get_launch_description_from_python_launch_file(path)
    names = [argument.name for argument in description.get_launch_arguments()]
    nodes = [entity for entity in description.entities if isinstance(entity, Node)]
    assert names == [argument.name for argument in graph.arguments]
    assert [(n.node_package, n.node_executable) for n in nodes] == [
        (PACKAGE, n.executable) for n in graph.nodes
    ]


RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
service = LaunchService()
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(source)]))
sys.exit(service.run())
"""


def test_launch_ros_starts_a_world_model_that_ends_on_ctrl_c(launch_ros, tmp_path):
    from sakiyomi_ros.clients.pick_client import PickClient

    environment = ament_prefix(tmp_path)
    log = (tmp_path / 'log').open('w+')
    path = str(LAUNCH / 'world_model.launch.py')
    process = subprocess.Popen(
        [sys.executable, '-c', RUN, path],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        with PickClient() as client:
            client.wait_active(['world_model'], timeout_s=90.0)
        time.sleep(0.5)
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does on Ctrl-C
        status = process.wait(60.0)
    log.seek(0)
    assert status == 0
    assert 'process has finished cleanly' in log.read()


def ament_prefix(folder):
    """An install of this package as launch_ros looks for it, made of links to the sources."""
    index = folder / 'share' / 'ament_index' / 'resource_index' / 'packages'
    executables = folder / 'lib' / PACKAGE
    for path in (index, executables, folder / 'share' / PACKAGE):
        path.mkdir(parents=True)
    (index / PACKAGE).touch()
    (folder / 'share' / PACKAGE / 'config').symlink_to(LAUNCH.parent / 'config')
    for node in {n.executable: n for g in GRAPHS.values() for n in g.nodes}.values():
        script = executables / node.executable
        script.write_text(f'#!/bin/sh\nexec {sys.executable} -m {node.module} "$@"\n')
        script.chmod(0o755)
    assert shutil.which('sh')
    paths = [str(folder), os.environ.get('AMENT_PREFIX_PATH', '')]
    python = [str(LAUNCH.parent), os.environ.get('PYTHONPATH', '')]
    joined = {'AMENT_PREFIX_PATH': paths, 'PYTHONPATH': python}
    return {**os.environ, **{k: os.pathsep.join(filter(None, v)) for k, v in joined.items()}}
