"""The bring-up description agrees with the nodes' own configs, files and executables."""

import importlib
import importlib.util
from dataclasses import fields
from pathlib import Path

import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.parameters import flatten, load_yaml
from sakiyomi.paths import share_dir
from sakiyomi_bringup.description import GRAPHS, SIM

ROOT = Path(__file__).resolve().parents[2]
NODES = {(g, n.name): n for g, graph in GRAPHS.items() for n in graph.nodes}
CONFIGS = {
    'simulation': 'simulation_node.config:SimulationConfig',
    'world_model': 'world_model_node.config:WorldModelConfig',
    'planner': 'planner_node.config:PlannerConfig',
    'viewer': 'viewer_node.config:ViewerConfig',
}


def config_of(node):
    module, _, name = CONFIGS[node.name].partition(':')
    return getattr(importlib.import_module(module), name)()


@pytest.mark.parametrize('key', NODES, ids=str)
def test_every_parameter_set_is_one_that_the_node_takes(key):
    node = NODES[key]
    known = {name for name, _, _ in flatten(config_of(node))} | {'use_sim_time'}
    assert set(node.parameters) | set(node.fixed_parameters) <= known


@pytest.mark.parametrize('key', NODES, ids=str)
def test_every_argument_named_is_declared(key):
    graph, node = GRAPHS[key[0]], NODES[key]
    declared = {argument.name for argument in graph.arguments}
    used = {*node.parameters.values(), *node.remappings.values()}
    assert used | ({node.condition} - {''}) <= declared


@pytest.mark.parametrize('key', [key for key in NODES if NODES[key].remappings], ids=str)
def test_every_remapped_topic_is_one_that_the_node_uses(key):
    node = NODES[key]
    assert node.remappings
    folders = (ROOT / node.module.partition('.')[0], ROOT / 'sakiyomi_ros' / 'drivers')
    text = '\n'.join(p.read_text() for folder in folders for p in folder.rglob('*.py'))
    for topic in node.remappings:
        assert f"'{topic}'" in text or f'{topic.rpartition("/")[0]}/{{' in text, topic


@pytest.mark.parametrize('key', NODES, ids=str)
def test_module_and_parameter_file_exist(key):
    node = NODES[key]
    assert importlib.util.find_spec(node.module)
    load_yaml(config_of(node), str(share_dir('config') / node.parameter_file), node.name)


@pytest.mark.parametrize('graph', GRAPHS.values(), ids=lambda g: g.name)
def test_every_argument_is_described_once(graph):
    names = [argument.name for argument in graph.arguments]
    assert len(names) == len(set(names))
    assert all(len(argument.description) >= 10 for argument in graph.arguments)


def test_scene_arguments_default_to_the_simulation_config():
    defaults = {f.name: f.default for f in fields(config_of(NODES['sim', 'simulation']))}
    parameters = NODES['sim', 'simulation'].parameters
    shared = [argument for argument in SIM.arguments if argument.name in parameters]
    assert len(shared) > 2
    for argument in shared:
        assert argument.default == defaults[argument.name]


@pytest.mark.parametrize(
    ('given', 'says'),
    [
        ({'sede': 1}, "unknown argument 'sede'"),
        ({'seed': 'one'}, "seed: got 'one', expected an integer"),
        ({'viewer': 'maybe'}, "viewer: got 'maybe', expected true or false"),
        ({'scene': 'heap'}, 'expected one of packed, pile, empty'),
    ],
)
def test_a_bad_argument_is_refused_in_one_line(given, says):
    with pytest.raises(BadInputError, match=says) as error:
        SIM.values(given)
    assert '\n' not in str(error.value)


def test_the_viewer_runs_unless_it_is_switched_off():
    def names(given):
        return [node.name for node in SIM.running(SIM.values(given))]

    assert names({}) == ['simulation', 'world_model', 'planner', 'viewer']
    assert names({'viewer': 'false'}) == ['simulation', 'world_model', 'planner']
