from pathlib import Path

import pytest
import yaml
from rclpy.parameter import Parameter

from planner_node.config import PlannerConfig
from sakiyomi.errors import BadInputError
from sakiyomi.parameters import flatten, load_yaml
from sakiyomi.paths import share_dir
from sakiyomi_bringup.parameter_files import render
from simulation_node.config import SimulationConfig
from simulation_node.node import SimulationNode
from viewer_node.config import ViewerConfig
from world_model_node.config import WorldModelConfig
from world_model_node.node import WorldModelNode

NODES = [SimulationNode, WorldModelNode]
CONFIGS = {
    'simulation': SimulationConfig,
    'world_model': WorldModelConfig,
    'planner': PlannerConfig,
    'viewer': ViewerConfig,
}


@pytest.fixture(params=NODES, ids=lambda node: node.__name__)
def node(request, context):
    node = request.param(context=context)
    yield node
    node.destroy_node()


@pytest.fixture
def world_model(context):
    node = WorldModelNode(context=context)
    yield node
    node.destroy_node()


def test_every_field_is_a_parameter_with_its_default_description_and_range(node):
    parameters = list(flatten(type(node.config)()))
    assert parameters
    for name, field, default in parameters:
        descriptor = node.describe_parameter(name)
        value = node.get_parameter(name).value
        assert (list(value) if isinstance(default, tuple) else value) == (
            list(default) if isinstance(default, tuple) else default
        )
        assert descriptor.description == field.metadata['description'] != ''
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        low, high = field.metadata['low'], field.metadata['high']
        assert (low is None and high is None) == (not ranges), name
        assert low is None or ranges[0].from_value == low
        assert high is None or ranges[0].to_value == high


def test_a_bad_value_is_rejected_with_its_reason_and_changes_nothing(world_model):
    before = world_model.config
    bad = Parameter('dynamics', value='crystal_ball')
    result = world_model.set_parameters([bad])[0]
    assert not result.successful
    assert "got 'crystal_ball', expected one of" in result.reason
    assert '\n' not in result.reason
    assert world_model.config is before
    assert world_model.get_parameter('dynamics').value == before.dynamics


def test_a_value_out_of_range_is_rejected(world_model):
    before = world_model.config
    bad = Parameter('prediction.gravity_mps2', value=-1.0)
    assert not world_model.set_parameters([bad])[0].successful
    assert world_model.config is before


def test_several_values_are_taken_together_or_not_at_all(world_model):
    before = world_model.config
    good = Parameter('timing.clock_jump_s', value=2.0)
    bad = Parameter('dynamics', value='crystal_ball')
    assert not world_model.set_parameters_atomically([good, bad]).successful
    assert world_model.config is before
    assert world_model.set_parameters_atomically([good]).successful
    assert world_model.config.timing.clock_jump_s == 2.0


def test_a_bad_value_from_the_user_names_itself_before_anything_starts(context):
    overrides = [Parameter('rate_hz', value=0.0)]
    with pytest.raises(BadInputError, match=r'rate_hz: got 0\.0, expected at least'):
        WorldModelNode(context=context, parameter_overrides=overrides)


def test_a_whole_number_does_for_a_real_one(context):
    overrides = [Parameter('rate_hz', value=5)]
    node = WorldModelNode(context=context, parameter_overrides=overrides)
    assert node.config.rate_hz == 5.0
    node.destroy_node()


@pytest.mark.parametrize('node', CONFIGS)
def test_the_parameter_file_holds_every_parameter_at_its_default(node):
    path = share_dir('config') / f'{node}.yaml'
    default = CONFIGS[node]()
    assert load_yaml(default, path, node) == default
    tree = yaml.safe_load(path.read_text())[node]['ros__parameters']
    assert sorted(_leaves(tree)) == sorted(name for name, _, _ in flatten(default))


def test_a_rendered_file_reads_back_as_the_same_config(tmp_path):
    path = Path(tmp_path) / 'world_model.yaml'
    path.write_text(render(WorldModelConfig(), 'world_model'))
    assert load_yaml(WorldModelConfig(), path, 'world_model') == WorldModelConfig()


def _leaves(tree, prefix=''):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}'
