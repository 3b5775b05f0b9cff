"""Rollouts a second: all engines see the same scene, and the figures are those of the contract."""

import json

import numpy as np
import pytest

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_cli.main import main
from sakiyomi_data.rollouts.boxes_on_plane import BoxesOnPlane
from sakiyomi_evaluation.speed import rollout_scene
from world_model_node.inference.onnx_export import write_graphs
from world_model_node.inference.torch_engine import TorchEngine
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import build_window
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.weights import save_model

HAND = read_robot_config().hand


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('rollouts')
    save_model(WorldNetwork(ModelConfig(samples=2), HAND.trained), folder, {})
    return folder


def test_pybullet_and_the_model_slide_the_same_cube(folder):
    states = rollout_scene.states(1)
    world = BoxesOnPlane(1, rollout_scene.HALF_M, rollout_scene.MASS_KG, rollout_scene.FRICTION)
    places, velocities = rollout_scene.places_and_velocities(states)
    end = world.roll_out(places, velocities, 1.0)
    world.close()
    slid = rollout_scene.SPEED_MPS**2 / (2.0 * 9.81 * rollout_scene.FRICTION)
    assert end[0, 0] - places[0, 0] == pytest.approx(slid, rel=0.15)
    framed = build_window(rollout_scene.instants(states), 1)
    engine = TorchEngine(folder)
    belief = engine.update(framed.window)
    action = encode_action(None, None, framed.T_world_frame)[None]
    imagined = engine.imagine(belief, framed.window, action, ActiveContacts(False, False))
    start = framed.window.place[0]
    assert np.linalg.norm(imagined.position[0, 0, -1] - start) == pytest.approx(slid, rel=0.3)


@pytest.mark.slow
def test_the_command_writes_the_figures_of_the_contract(folder, tmp_path):
    write_graphs(folder)
    path = tmp_path / 'rollouts.json'
    command = ['evaluate', 'rollouts', '--model', str(folder), '--batches', '1', '4']
    assert main([*command, '--repeats', '1', '--seconds', '0.01', '--json', str(path)]) == 0
    result = json.loads(path.read_text())
    learned = [row for row in result['rollouts'] if row['batch'] is not None]
    assert {row['engine'] for row in learned} == {'onnxruntime', 'torch'}
    assert {row['batch'] for row in learned} == {1, 4}
    assert all(row['per_s'] > 0.0 and row['times_pybullet'] > 0.0 for row in learned)
    assert {row['physics'] for row in result['belief']} >= {'alone', 'with both'}
    assert result['provenance']['hardware']['cores'] >= 1


def test_a_batch_of_none_is_refused_in_one_line(folder, capsys):
    assert main(['evaluate', 'rollouts', '--model', str(folder), '--batches', '0']) == 2
    assert capsys.readouterr().err.strip().count('\n') == 0
