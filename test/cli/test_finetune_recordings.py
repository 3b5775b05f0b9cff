"""`sakiyomi finetune` on recordings of a camera: a box that slides over a table."""

import json

import numpy as np
import pytest
from bags import Bag

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_cli.main import main
from sakiyomi_ros.messages.images import to_camera_info, to_depth_image, to_image
from sakiyomi_training.world_model.examples.recording_examples import recording_examples
from sakiyomi_training.world_model.examples.sensor_recordings import read_sensor_recording
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.weights import load_model, save_model

HAND = read_robot_config().hand

SIZE = (320, 240)
K = np.array([[300.0, 0.0, 159.5], [0.0, 300.0, 119.5], [0.0, 0.0, 1.0]])
ABOVE_M, SPEED_MPS, HALF_M, TALL_M = 0.7, 0.08, 0.03, 0.05
NAME = 'camera_optical'


@pytest.fixture(autouse=True)
def without_graphs(monkeypatch):
    """They take long to trace, and are tested with the engines."""
    monkeypatch.setattr('sakiyomi_training.finetune_world_model.write_graphs', lambda _: None)


def picture(middle_x):
    """Depth and colour of a box on a table, seen from straight above."""
    v, u = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    x, y = (u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1]
    top = ABOVE_M - TALL_M
    box = (np.abs(x * top - middle_x) < HALF_M) & (np.abs(y * top) < HALF_M)
    depth = np.where(box, top, ABOVE_M).astype(np.float32)
    color = np.where(box[..., None], [200, 40, 40], [120, 120, 120]).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0.0, 5e-4, depth.shape)
    return (depth + noise).astype(np.float32), color


def record(path, stamps):
    bag = Bag(path)
    for t in stamps:
        depth, color = picture(-0.1 + SPEED_MPS * (t - stamps[0]))
        bag.add('cam/camera_info', to_camera_info(K, *SIZE, t, NAME), t)
        bag.add('cam/color', to_image(color, 'rgb8', t, NAME), t)
        bag.add('cam/depth', to_depth_image(depth, t, NAME), t)
    bag.close()
    return path


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Two recordings at 10 Hz, and a model that knows nothing yet."""
    folder = tmp_path_factory.mktemp('recordings')
    for number in range(2):
        record(folder / f'{number}.mcap', 1.0 + 0.1 * np.arange(15))
    small = ModelConfig(hidden=16, embedding=16, residual=8, samples=2, substeps=1)
    save_model(WorldNetwork(small, HAND.trained), folder / 'start', {})
    return folder


def finetune(data, folder, out, *more):
    names = [str(path) for path in data]
    start = str(folder / 'start')
    return main(['finetune', '--data', *names, '--start', start, '--out', str(out), *more])


def refused(capsys, data, folder, out):
    """The one line that says why."""
    assert finetune(data, folder, out) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    assert not out.exists()
    return lines[0]


def test_what_slides_is_tracked_and_its_later_poses_are_the_targets(folder):
    (part,) = read_sensor_recording(folder / '0.mcap')
    examples = recording_examples(part)
    assert len(examples) >= 8
    last = examples[-3]
    known = last['tracked_on'][0] > 0.5
    ahead_s = 0.05 * (1 + np.flatnonzero(known))
    moved = np.linalg.norm(last['tracked_place'][0, known] - last['place'][0], axis=1)
    np.testing.assert_allclose(moved, SPEED_MPS * ahead_s, atol=0.006)
    assert not last['true_on'].any() and not last['hidden_on'].any()


def test_recordings_finetune_a_model_and_say_what_from(folder, tmp_path):
    out = tmp_path / 'out'
    assert finetune([folder], folder, out, '--steps', '3', '--threads', '1') == 0
    metrics = json.loads((out / 'metrics.json').read_text())
    assert metrics['recordings'] == {'learned_from': 1, 'kept': 1}
    assert metrics['before']['kept']['objects'] >= 1
    assert metrics['finetuned_from']['sha256'] == load_model(folder / 'start')[1].sha256
    assert len(metrics['data']) == 2
    assert 'starting weights' in metrics['calibrated_on']
    load_model(out / 'model')


def test_a_gap_cuts_a_recording_in_two(folder, tmp_path, caplog):
    stamps = np.concatenate([1.0 + 0.1 * np.arange(8), 5.0 + 0.1 * np.arange(8)])
    parts = read_sensor_recording(record(tmp_path / 'gap.mcap', stamps))
    assert len(parts) == 2
    assert 'cut into 2 pieces' in caplog.text
    for part in parts:
        assert np.diff([i.stamp_s for i in part.observations]).max() < 0.2


def test_a_faster_camera_gives_the_same_rate(tmp_path):
    (part,) = read_sensor_recording(record(tmp_path / 'fast.mcap', 1.0 + np.arange(40) / 30.0))
    steps = np.diff([i.stamp_s for i in part.observations])
    assert steps.min() >= 0.09 and steps.max() <= 0.11


def test_a_slow_camera_is_refused(folder, tmp_path, capsys):
    slow = record(tmp_path / 'slow.mcap', 1.0 + 0.5 * np.arange(6))
    assert '2.0 views a second' in refused(capsys, [slow], folder, tmp_path / 'out')


def test_a_short_recording_is_refused(folder, tmp_path, capsys):
    short = record(tmp_path / 'short.mcap', 1.0 + 0.1 * np.arange(4))
    assert 'expected one or more' in refused(capsys, [short], folder, tmp_path / 'out')


def test_a_recording_that_is_cut_off_or_empty_is_refused(folder, tmp_path, capsys):
    whole = (folder / '0.mcap').read_bytes()
    for content in (whole[: len(whole) // 2], b''):
        (tmp_path / 'r.mcap').write_bytes(content)
        assert 'r.mcap' in refused(capsys, [tmp_path / 'r.mcap'], folder, tmp_path / 'out')
