"""Engines give what torch gives, and what cannot be used is refused or stepped down from."""

import json
import logging
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from engine_windows import windows

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_cli.main import main
from world_model_node.config import PredictionConfig
from world_model_node.inference.engine_selection import make_engine
from world_model_node.inference.learned_dynamics import make_dynamics
from world_model_node.inference.onnx_engine import OnnxEngine
from world_model_node.inference.onnx_export import write_graphs
from world_model_node.inference.tensorrt_build import build_engine
from world_model_node.inference.torch_engine import TorchEngine
from world_model_node.model.card import CARD, IMAGINE_GRAPHS, UPDATE_GRAPH, read_card
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.weights import save_model

HAND = read_robot_config().hand

PARITY = 1e-4
COMPARED = ('position', 'rotation', 'covariance', 'held', 'slip')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A model of random weights, the zero-initialised layers too, with its graphs."""
    folder = tmp_path_factory.mktemp('engines')
    torch.manual_seed(3)
    network = WorldNetwork(ModelConfig(samples=4), HAND.trained)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.03 * torch.randn_like(parameter)
    save_model(network, folder, {})
    write_graphs(folder)
    return folder


@pytest.fixture(scope='module')
def engines(folder):
    return TorchEngine(folder), OnnxEngine(folder)


def gaps(ours, theirs, names):
    return {name: np.abs(getattr(ours, name) - getattr(theirs, name)).max() for name in names}


@pytest.mark.parametrize('n', [1, 2, 5, 8])
def test_onnx_runtime_believes_and_imagines_as_torch_does(engines, n):
    reference, engine = engines
    window, actions = windows(n, 1)
    belief, other = reference.update(window), engine.update(window)
    assert max(gaps(belief, other, belief._fields).values()) < PARITY
    for active in IMAGINE_GRAPHS:
        if active.pairs and n == 1:
            continue
        expected = reference.imagine(belief, window, actions, active)
        found = engine.imagine(belief, window, actions, active)
        assert max(gaps(found, expected, COMPARED).values()) < PARITY, active
        assert [a.shape for a in found] == [a.shape for a in expected]


@pytest.mark.parametrize(
    ('n', 'active'), [(1, ActiveContacts(True, False)), (3, ActiveContacts(True, True))]
)
def test_many_actions_at_once_agree_too(engines, n, active):
    reference, engine = engines
    window, actions = windows(n, 64)
    belief = reference.update(window)
    expected = reference.imagine(belief, window, actions, active)
    assert np.ptp(expected.position[:, 0, -1, 0]) > 1e-3, 'the actions should differ'
    found = engine.imagine(belief, window, actions, active)
    for name in COMPARED:
        gap = np.abs(getattr(found, name) - getattr(expected, name))
        largest = np.sort(gap.reshape(len(gap), -1).max(axis=1))
        # one of 64 may be on the edge of a contact, where rounding decides what happens
        assert largest[-2] < PARITY, name


def test_the_smallest_numbers_of_this_thread_stay_what_they_are(engines):
    window, _ = windows(1, 1)
    engines[1].update(window)
    assert np.full(64, 1e-40, np.float32).max() * np.float32(0.5) > 0.0


def test_the_name_tells_engine_and_weights(folder):
    dynamics = make_dynamics('learned', PredictionConfig(), HAND, folder, 'onnxruntime')
    assert dynamics.name == f'world_model onnxruntime {read_card(folder).short_hash}'


@pytest.mark.parametrize('harm', ['flip', 'cut', 'remove', 'not in card'])
def test_a_harmed_graph_is_refused_and_torch_takes_over(folder, tmp_path, harm, caplog):
    copy = tmp_path / 'model'
    shutil.copytree(folder, copy)
    graph = copy / UPDATE_GRAPH
    content = bytearray(graph.read_bytes())
    if harm == 'flip':
        content[len(content) // 2] ^= 1
        graph.write_bytes(content)
    elif harm == 'cut':
        graph.write_bytes(content[:1000])
    elif harm == 'remove':
        graph.unlink()
    else:
        card = json.loads((copy / CARD).read_text())
        del card['sha256'][UPDATE_GRAPH]
        (copy / CARD).write_text(json.dumps(card))
    with pytest.raises(BadInputError) as refused:
        OnnxEngine(copy)
    assert '\n' not in str(refused.value)
    with caplog.at_level(logging.WARNING):
        assert make_engine('auto', copy).name.startswith('torch ')
    assert 'engine does not work: onnxruntime' in caplog.text


def test_without_any_engine_physics_predicts_and_says_so(folder, tmp_path, caplog):
    copy = tmp_path / 'model'
    copy.mkdir()
    shutil.copyfile(folder / CARD, copy / CARD)
    assert make_dynamics('learned', PredictionConfig(), HAND, copy).learned is False
    assert 'the physics prior predicts instead' in caplog.text


def test_running_the_world_model_does_not_import_torch(folder):
    code = (
        'import sys\n'
        'from pathlib import Path\n'
        'from sakiyomi.robot.robot_config import read_robot_config\n'
        'from world_model_node.config import PredictionConfig\n'
        'from world_model_node.inference.learned_dynamics import make_dynamics\n'
        'hand = read_robot_config().hand\n'
        f"dynamics = make_dynamics('learned', PredictionConfig(), hand, Path({str(folder)!r}))\n"
        'assert dynamics.learned\n'
        "sys.exit('torch' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, '-c', code], timeout=120).returncode == 0


@pytest.mark.parametrize(
    'given', [['--arch', 'sm86'], ['--engine', 'tensorrt', '--arch', 'ampere']]
)
def test_export_refuses_what_it_cannot_do_in_one_line(folder, given, capsys):
    assert main(['export', '--model', str(folder), *given]) == 2
    assert capsys.readouterr().err.strip().count('\n') == 0


def test_an_architecture_that_is_not_known_is_named(folder, tmp_path):
    pytest.importorskip('tensorrt_rtx')
    with pytest.raises(BadInputError, match='sm86'):
        build_engine(folder, read_card(folder), UPDATE_GRAPH, 'sm11', tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize('arch', ['sm86', 'sm89'])
def test_tensorrt_builds_every_graph_for_gpus_that_are_not_here(
    folder, tmp_path, arch, record_property
):
    pytest.importorskip('tensorrt_rtx')
    card = read_card(folder)
    assert IMAGINE_GRAPHS
    for graph in (UPDATE_GRAPH, *IMAGINE_GRAPHS.values()):
        start = time.monotonic()
        path = build_engine(folder, card, graph, arch, tmp_path)
        record_property(graph, f'{path.stat().st_size} bytes, {time.monotonic() - start:.1f} s')
        assert path.stat().st_size > 100_000
        built = path.stat().st_mtime_ns
        assert build_engine(folder, card, graph, arch, tmp_path).stat().st_mtime_ns == built
