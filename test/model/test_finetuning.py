"""Finetuning on tosses of a made-up cube: it helps on others, keeps what it should, refuses."""

import json

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from tossed import RATE_HZ, WIDTH_M, record, write

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_cli.main import main
from sakiyomi_data.tosses.recordings import Tosses
from sakiyomi_training.finetune_world_model import is_worse
from sakiyomi_training.world_model.examples.example_set import ExampleSet
from sakiyomi_training.world_model.examples.recording_examples import recording_examples
from sakiyomi_training.world_model.examples.recordings import read_data, validation_indices
from sakiyomi_training.world_model.examples.toss_recordings import backward_twists, read_toss_file
from sakiyomi_training.world_model.finetuner import Finetuner, FinetuningConfig, with_num_steps
from sakiyomi_training.world_model.prediction_metrics import t0_metrics
from sakiyomi_training.world_model.trainer import CHECKPOINT
from world_model_node.model.card import MODEL_CARD, WEIGHTS
from world_model_node.model.features.scene_observation import MAX_STAMP_GAP_S
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.weights import load_model, save_model

HAND = read_robot_config().hand

FRICTION = 0.1  # of the cubes that slide; what is assumed of a cube is much more
SMALL = ModelConfig(hidden=16, embedding=16, residual=8, samples=4, substeps=1)
SPIN_RADPS = np.array([1.0, 2.0, -1.5])


@pytest.fixture(autouse=True)
def without_graphs(monkeypatch):
    """They take long to trace, and are tested with the engines."""
    monkeypatch.setattr('sakiyomi_training.finetune_world_model.write_graphs', lambda _: None)


def sliding(count, seed, frames=100):
    """Cubes that slide flat on a smooth table until they stop."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / RATE_HZ
    speed = rng.uniform(0.5, 1.0, (count, 1))
    gone = np.minimum(t, speed / (9.81 * FRICTION))
    way = speed * gone - 0.5 * 9.81 * FRICTION * gone**2
    heading = rng.uniform(0.0, 2 * np.pi, count)
    height = np.full((count, frames), WIDTH_M / 2.0)
    along = np.cos(heading)[:, None] * way, np.sin(heading)[:, None] * way
    position = np.stack([*along, height], 2)
    q = Rotation.from_rotvec(np.outer(heading, [0, 0, 1])).as_quat()[:, None, [3, 0, 1, 2]]
    yaw = np.repeat(q, frames, 1)
    series = [v.astype(np.float32) for v in (position, yaw, 0 * position, 0 * position)]
    return Tosses(*series, np.full(count, frames), RATE_HZ, WIDTH_M)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Eight tosses to learn from, eight others, and a model that knows nothing yet."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('tosses')
    write(folder / 'train.npz', record(8, 1))
    write(folder / 'test.npz', record(8, 2))
    save_model(WorldNetwork(SMALL, HAND.trained), folder / 'start', {})
    return folder


def finetune(data, folder, out, *more):
    given = ['--data', str(data), '--start', str(folder / 'start'), '--out', str(out)]
    return main(['finetune', *given, '--threads', '1', *more])


def falling(frames=60, rate_hz=RATE_HZ):
    """One cube in free fall, far above anything."""
    t = np.arange(frames) / rate_hz
    position = np.stack([0.8 * t, 0.1 * t, 9.0 - 4.905 * t * t], 1)
    q = Rotation.from_rotvec(t[:, None] * SPIN_RADPS).as_quat()[:, [3, 0, 1, 2]]
    series = [v[None].astype(np.float32) for v in (position, q, 0 * position, 0 * position)]
    return Tosses(*series, np.array([frames]), rate_hz, WIDTH_M)


@pytest.mark.parametrize('rate_hz', [60.0, RATE_HZ, 500.0])
def test_twists_have_no_lag_under_gravity_and_know_nothing_of_what_comes(rate_hz):
    tosses = falling(rate_hz=rate_hz)
    t = np.arange(60) / rate_hz
    turns = Rotation.from_quat(tosses.rotation[0][:, [1, 2, 3, 0]].astype(float))
    span = max(1, round(0.02 * rate_hz))
    twists = backward_twists(tosses.position[0].astype(float), turns, t, span)
    np.testing.assert_allclose(twists[2 * span :, 2], -9.81 * t[2 * span :], atol=5e-3)
    np.testing.assert_allclose(twists[span:, 3:], np.tile(SPIN_RADPS, (60 - span, 1)), atol=0.02)
    cut = backward_twists(tosses.position[0, :40].astype(float), turns[:40], t[:40], span)
    np.testing.assert_array_equal(cut, twists[:40])


def test_targets_of_every_50_ms_lie_on_the_path_whatever_the_rate(tmp_path):
    for rate_hz in (60.0, RATE_HZ):
        frames = round(0.7 * rate_hz)
        (piece,) = read_toss_file(write(tmp_path / 'r.npz', falling(frames, rate_hz)))
        example = recording_examples(piece)[0]
        known = example['tracked_on'][0] > 0.5
        assert known[:10].all()
        start_s = piece.observations[piece.starts[0]].stamp_s
        ahead = start_s + 0.05 * (1 + np.flatnonzero(known))
        height = example['tracked_place'][0, known, 2] - example['place'][0, 2]
        np.testing.assert_allclose(height, -4.905 * (ahead**2 - start_s**2), atol=5e-4)


def test_a_window_is_filled_only_as_far_back_as_something_was_recorded(folder):
    piece = read_toss_file(folder / 'train.npz')[0]
    examples = recording_examples(piece)
    assert len(examples) > 0
    for example, start in zip(examples, piece.starts, strict=False):
        frames = int((piece.observations[start].stamp_s + MAX_STAMP_GAP_S) / 0.1) + 1
        assert example['seen'].sum() == frames
        assert not example['true_on'].any() and not example['hidden_on'].any()


@pytest.mark.slow
def test_eight_tosses_lower_the_error_of_others(folder, tmp_path):
    out = tmp_path / 'out'
    # faster than a model that knows something should go
    (tmp_path / 'c.yaml').write_text('learning_rate: 4.0e-3\nbatch: 16\nsamples: 2\n')
    train, test = (write(tmp_path / f'{seed}.npz', sliding(8, seed)) for seed in (1, 2))
    more = ('--config', str(tmp_path / 'c.yaml'), '--steps', '20', '--test', str(test))
    assert finetune(train, folder, out, *more) == 0
    metrics = json.loads((out / 'metrics.json').read_text())
    before, after = (metrics[when]['test'] for when in ('before', 'finetuned'))
    assert before['objects'] == after['objects'] == 8
    assert after['mm_mean'] < 0.8 * before['mm_mean']
    assert metrics['weights_kept'] == 'finetuned'
    assert metrics['recordings'] == {'learned_from': 6, 'kept': 2}
    _, card = load_model(out / 'model')
    start = load_model(folder / 'start')[1].sha256
    assert card.details['finetuned_from']['sha256'] == start != card.sha256
    told = (out / 'model' / MODEL_CARD).read_text()
    assert start in told and str(train) in told


def test_what_made_it_worse_is_not_kept(folder, tmp_path):
    """A rate at which nothing can be learned."""
    (tmp_path / 'wild.yaml').write_text('learning_rate: 1.0\nanchor: 0.0\nclip: 1000.0\n')
    config = ('--config', str(tmp_path / 'wild.yaml'), '--steps', '2')
    assert finetune(folder / 'train.npz', folder, tmp_path / 'out', *config) == 0
    metrics = json.loads((tmp_path / 'out' / 'metrics.json').read_text())
    assert metrics['weights_kept'] == 'starting'
    kept, start = (p.read_bytes() for p in (
        tmp_path / 'out' / 'model' / WEIGHTS, folder / 'start' / WEIGHTS
    ))  # fmt: skip
    assert kept == start


def test_worse_is_what_the_loss_would_call_so():
    before = {'mm_mean': 30.0, 'rad_mean': 0.6}
    assert is_worse({'mm_mean': 31.0, 'rad_mean': 0.6}, before)
    assert not is_worse({'mm_mean': 29.0, 'rad_mean': 0.65}, before)
    assert is_worse({'mm_mean': 29.0, 'rad_mean': 0.8}, before)


@pytest.mark.slow
def test_a_strong_anchor_holds_the_starting_weights(folder, tmp_path):
    examples = read_data([folder / 'train.npz']).training
    start, _ = load_model(folder / 'start')

    def moved(anchor):
        config = FinetuningConfig(steps=4, batch=8, samples=2, model=SMALL, anchor=anchor)
        tuner = Finetuner(examples, config, tmp_path, 0, start)
        while tuner.step < 4:
            tuner.advance()
        pairs = zip(tuner.network.parameters(), start.parameters(), strict=True)
        return sum(float((a - b).detach().norm()) for a, b in pairs)

    assert moved(100.0) < 0.97 * moved(0.0)


@pytest.mark.slow
def test_an_interrupted_finetuning_goes_on_and_other_weights_do_not(folder, tmp_path, capsys):
    examples = read_data([folder / 'train.npz']).training
    start, card = load_model(folder / 'start')
    config = FinetuningConfig(steps=4, batch=8, samples=2, model=SMALL, start=card.sha256)
    whole = Finetuner(examples, config, tmp_path / 'whole', 0, start)
    part = Finetuner(examples, config, tmp_path / 'part', 0, start)
    for _ in range(2):
        part.advance()
    part.save()
    rest = Finetuner(examples, config, tmp_path / 'part', 0, start)
    while whole.step < 4:
        whole.advance()
    while rest.step < 4:
        rest.advance()
    for a, b in zip(whole.parameters, rest.parameters, strict=True):
        torch.testing.assert_close(a, b, rtol=0.0, atol=0.0)
    before = (tmp_path / 'part' / CHECKPOINT).read_bytes()
    assert finetune(folder / 'train.npz', folder, tmp_path / 'part') == 2
    assert 'another config' in capsys.readouterr().err
    assert (tmp_path / 'part' / CHECKPOINT).read_bytes() == before


@pytest.mark.slow
def test_ctrl_c_loses_nothing(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / 'c.yaml').write_text('steps: 4\nbatch: 8\nsamples: 2\n')
    given = (folder / 'train.npz', folder)
    more = ('--config', str(tmp_path / 'c.yaml'))
    assert finetune(*given, tmp_path / 'whole', *more) == 0
    advance = Finetuner.advance

    def interrupted(self):
        if self.step == 2:
            raise KeyboardInterrupt
        return advance(self)

    with monkeypatch.context() as patch:
        patch.setattr(Finetuner, 'advance', interrupted)
        assert finetune(*given, tmp_path / 'part', *more) == 1
    assert 'interrupted' in capsys.readouterr().err
    assert finetune(*given, tmp_path / 'part', *more) == 0
    whole, part = (
        json.loads((tmp_path / name / 'metrics.json').read_text()) for name in ('whole', 'part')
    )
    assert whole['finetuned'] == part['finetuned'] and part['steps'] == 4


@pytest.mark.slow
def test_what_was_learned_from_other_recordings_is_not_gone_on_with(folder, tmp_path, capsys):
    more = ('--steps', '1')
    assert finetune(folder / 'train.npz', folder, tmp_path / 'out', *more) == 0
    weights = (tmp_path / 'out' / 'model' / WEIGHTS).read_bytes()
    assert finetune(folder / 'train.npz', folder, tmp_path / 'out', *more) == 0
    assert (tmp_path / 'out' / 'model' / WEIGHTS).read_bytes() == weights
    capsys.readouterr()
    assert finetune(folder / 'test.npz', folder, tmp_path / 'out', *more) == 2
    assert 'another config' in capsys.readouterr().err
    assert (tmp_path / 'out' / 'model' / WEIGHTS).read_bytes() == weights


def test_more_examples_are_learned_from_for_longer_unless_told():
    steps = [with_num_steps(FinetuningConfig(), n).steps for n in (8, 120, 480, 100_000)]
    assert steps == [150, 150, 300, 1000]
    assert with_num_steps(FinetuningConfig(steps=7), 480).steps == 7


def test_few_are_kept_of_few_and_at_least_one():
    assert validation_indices(2) == {1}
    assert len(validation_indices(8)) == 2
    assert len(validation_indices(400)) == 50


def test_a_toss_with_a_jump_is_cut_there(tmp_path, caplog):
    tosses = record(8, 1)
    tosses.position[2, 45:, 0] += 0.5
    pieces = read_toss_file(write(tmp_path / 'r.npz', tosses))
    assert 'toss 2: gaps, cut into 2 pieces' in caplog.text
    of_it = [p for p in pieces if p.name.endswith('toss 2')]
    assert sorted(len(p.observations) for p in of_it) == [45, 45]


def with_nan(values):
    values = values.copy()
    values[100, 1] = np.nan
    return values


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'position': with_nan}, 'position: got 1 values that are not finite'),
        ({'quaternion_wxyz': None}, 'got no quaternion_wxyz'),
        ({'linear_velocity': lambda v: v[:-1]}, 'linear_velocity: got'),
        ({'rate_hz': lambda v: 0.0 * v}, 'rate_hz: got'),
        ({'rate_hz': lambda v: 0.0 * v + 10.0}, 'expected 40 or more'),
        ({'length': lambda v: v[:0]}, 'got 0 tosses'),
    ],
)
def test_recordings_that_cannot_be_used_are_one_line(folder, tmp_path, capsys, changes, told):
    with np.load(folder / 'train.npz') as file:
        flat = dict(file)
    for name, change in changes.items():
        if change is None:
            del flat[name]
        else:
            flat[name] = change(flat[name])
    np.savez(tmp_path / 'r.npz', **flat)
    refused(capsys, tmp_path / 'r.npz', folder, tmp_path / 'out', told)


def refused(capsys, data, folder, out, told):
    assert finetune(data, folder, out) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and told in lines[0], lines
    assert not out.exists()


def test_files_that_are_none_are_one_line(folder, tmp_path, capsys):
    out = tmp_path / 'out'
    (tmp_path / 'r.npz').write_bytes((folder / 'train.npz').read_bytes()[:-2000])
    refused(capsys, tmp_path / 'r.npz', folder, out, 'no whole .npz')
    refused(capsys, tmp_path / 'no.npz', folder, out, 'No such file')
    refused(capsys, tmp_path / 'nowhere', folder, out, 'nothing there')
    (tmp_path / 'empty').mkdir()
    refused(capsys, tmp_path / 'empty', folder, out, 'empty folder')
    refused(capsys, write(tmp_path / 'one.npz', record(1, 1)), folder, out, 'record more')


def test_a_start_that_is_changed_is_refused(folder, tmp_path, capsys):
    network, _ = load_model(folder / 'start')
    save_model(network, tmp_path / 'start', {})
    content = (tmp_path / 'start' / WEIGHTS).read_bytes()
    (tmp_path / 'start' / WEIGHTS).write_bytes(content[:-50])
    refused(capsys, folder / 'train.npz', tmp_path, tmp_path / 'out', 'cut off or changed')


def test_figures_without_simulated_truth_are_of_what_was_tracked(folder):
    pieces = read_toss_file(folder / 'test.npz')
    examples = ExampleSet([e for p in pieces for e in recording_examples(p)]).only_t0()
    figures = t0_metrics(load_model(folder / 'start')[0], examples)
    assert figures['objects'] == 8
    assert 'mm_0.25s' in figures and 'mm_1s' not in figures  # nothing is as long
