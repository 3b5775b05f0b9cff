"""Training on a handful of made-up episodes: it learns, resumes exactly, and refuses bad files."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2
from sliding import LAG_MPS, sliding_episode

from sakiyomi.errors import BadInputError
from sakiyomi_cli.main import main
from sakiyomi_data.episodes.layout import NUM_SAMPLES
from sakiyomi_training.world_model.calibration import (
    FACTOR_BOUNDS,
    _factors,
    calibrate,
    sigma_factor,
)
from sakiyomi_training.world_model.examples.episode_examples import (
    LATER_FRAMES,
    is_usable,
    make_examples,
)
from sakiyomi_training.world_model.examples.example_set import ExampleSet, read_examples
from sakiyomi_training.world_model.examples.mirroring import mirrored
from sakiyomi_training.world_model.trainer import CHECKPOINT, Trainer
from sakiyomi_training.world_model.training_config import TrainingConfig
from sakiyomi_training.world_model.weight_averaging import average_weights
from world_model_node.model.card import CARD, WEIGHTS
from world_model_node.model.dimensions import NUM_STEPS, STEP_S
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import LOWEST_POINT_FEATURE, motion_kinds
from world_model_node.model.weights import load_model, save_model

SMALL = ModelConfig(hidden=16, embedding=16, residual=8, samples=2, substeps=1)


@pytest.fixture(scope='module')
def examples():
    torch.set_num_threads(1)
    return ExampleSet(
        [e for seed in range(8) for e in make_examples(sliding_episode(seed), (10, 12))]
    )


def config(**changes):
    plain = {
        'warm_steps': 15, 'steps': 25, 'batch': 8, 'warm_batch': 16, 'model': SMALL,
        'learning_rate': 5e-3,
    }  # fmt: skip
    return TrainingConfig(**(plain | changes))


def trained(examples, out, until, **changes):
    trainer = Trainer(examples, config(**changes), out, 0)
    while trainer.step < until:
        trainer.advance()
    return trainer


@pytest.mark.parametrize('shoved_s', [-0.12, 0.0, 0.3])
def test_what_a_shove_brings_is_learned_from_only_where_it_was_watched(shoved_s):
    episode = sliding_episode(0)
    whole = make_examples(episode, (10, 12))
    assert len(whole) == 2
    episode['truth/undisturbed_s'][...] = shoved_s
    for left, all_of_it in zip(make_examples(episode, (10, 12)), whole, strict=True):
        start_s = 0.0 if all_of_it['at_t0'] else -0.2
        ends_s = start_s + STEP_S * np.arange(NUM_STEPS + 1)
        judged = np.ones(NUM_STEPS + 1) if shoved_s <= start_s else ends_s < shoved_s - 1e-6
        assert judged[0]
        assert np.array_equal(left['true_on'][0], all_of_it['true_on'][0] * judged)
        assert np.array_equal(left['tracked_on'][0], all_of_it['tracked_on'][0] * judged[1:])
        later = judged[2 * np.array(LATER_FRAMES)]  # two steps a frame
        assert np.array_equal(left['later_on'][:, 0], all_of_it['later_on'][:, 0] * later)


def test_an_example_holds_what_was_watched_and_what_came(examples):
    group = examples.groups[1, False]
    at_t0 = group['at_t0'] > 0.5
    assert at_t0.sum() == 8
    speed = np.linalg.norm(group['true_twist'][:, 0, :3], axis=-1)
    tracked = np.linalg.norm(group['twist'][:, 0, :3], axis=-1)
    np.testing.assert_allclose(speed - tracked, LAG_MPS, atol=1e-5)
    moved = group['true_place'][at_t0, 0, NUM_STEPS] - group['true_place'][at_t0, 0, 0]
    np.testing.assert_allclose(np.linalg.norm(moved, axis=-1), speed[at_t0], atol=1e-4)
    assert np.abs(moved[:, 1]).max() < 1e-3  # the frame looks along the motion


def test_a_mirror_swaps_left_and_right_twice_to_nothing():
    episode = sliding_episode(0)
    episode['hand/pad_force_n'][:] = np.random.default_rng(1).normal(size=(NUM_SAMPLES, 2, 3))
    twice = mirrored(mirrored(episode))
    for name in episode:
        np.testing.assert_array_equal(twice[name], episode[name])
    assert not np.array_equal(mirrored(episode)['frames/twist'], episode['frames/twist'])


def test_learning_goes_on_from_a_model_and_refuses_one_of_another_size(examples, tmp_path):
    before = trained(examples, tmp_path / 'one', 20).network
    on = Trainer(examples, config(), tmp_path / 'two', 1, before).network
    for name, value in before.state_dict().items():
        if name != 'calibration':
            torch.testing.assert_close(on.state_dict()[name], value)
    other = ModelConfig(hidden=24, embedding=16, residual=8, samples=2, substeps=1)
    with pytest.raises(BadInputError, match=r'hidden=16.*expected.*hidden=24'):
        Trainer(examples, config(model=other), tmp_path / 'three', 1, before)


def test_a_share_of_the_start_is_kept_in_the_weights(examples, tmp_path):
    before = trained(examples, tmp_path / 'one', 5).network
    on = Trainer(examples, config(), tmp_path / 'two', 1, before)
    for _ in range(3):
        on.advance()
    learned = {name: value.clone() for name, value in on.network.named_parameters()}
    average_weights(on.network, before, 0.25)
    for name, value in on.network.named_parameters():
        mean = 0.75 * learned[name] + 0.25 * before.get_parameter(name)
        torch.testing.assert_close(value, mean)
    assert any((learned[n] != v).any() for n, v in before.named_parameters())


@pytest.mark.parametrize('given', ['0.5', '-0.5 --start models', '1 --start models'])
def test_a_share_without_a_start_or_out_of_range_is_refused(given, tmp_path, capsys):
    folders = ['--data', str(tmp_path), '--out', str(tmp_path / 'out')]
    assert main(['train', 'world_model', *folders, '--start-share', *given.split()]) != 0
    assert '--start-share: got' in capsys.readouterr().err


def test_eight_episodes_reduce_the_loss(examples, tmp_path):
    trainer = trained(examples, tmp_path, 60, warm_steps=60, steps=60)
    losses = [row['loss'] for row in trainer.curve]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.5


def test_rollouts_are_learned_from_without_simulated_truth(examples, tmp_path):
    trainer = trained(examples, tmp_path, 4, warm_steps=2, steps=4, privileged=0.0)
    assert all(np.isfinite(list(row.values())).all() for row in trainer.curve)
    assert trainer.curve[-1]['true'] == 0.0


def test_an_interrupted_training_ends_as_one_that_was_not(examples, tmp_path):
    whole = trained(examples, tmp_path / 'whole', 20)
    part = trained(examples, tmp_path / 'part', 17)
    part.save()
    rest = trained(examples, tmp_path / 'part', 20)
    assert [r['loss'] for r in rest.curve] == [r['loss'] for r in whole.curve]
    for a, b in zip(whole.parameters, rest.parameters, strict=True):
        torch.testing.assert_close(a, b, rtol=0.0, atol=0.0)


def test_another_config_does_not_go_on_from_the_checkpoint(examples, tmp_path):
    trained(examples, tmp_path, 1).save()
    with pytest.raises(BadInputError, match='another config'):
        trained(examples, tmp_path, 1, batch=9)


def test_a_checkpoint_that_is_cut_off_is_refused(examples, tmp_path):
    trained(examples, tmp_path, 1).save()
    path = tmp_path / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(BadInputError, match='cut off'):
        trained(examples, tmp_path, 1)


def test_weights_come_back_as_they_were_and_no_others(examples, tmp_path):
    network = trained(examples, tmp_path, 2).network
    save_model(network, tmp_path, {})
    again, _ = load_model(tmp_path)
    for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=0.0, atol=0.0)
    content = (tmp_path / WEIGHTS).read_bytes()
    for spoilt in (content[:-50], content[:-1] + bytes([content[-1] ^ 1])):
        (tmp_path / WEIGHTS).write_bytes(spoilt)
        with pytest.raises(BadInputError, match='cut off or changed'):
            load_model(tmp_path)
    (tmp_path / CARD).write_text('{}')
    with pytest.raises(BadInputError, match='got no card'):
        load_model(tmp_path)


def test_a_doubt_that_is_half_of_what_it_should_be_is_doubled():
    squares = 4.0 * chi2.rvs(3, size=20_000, random_state=0)
    assert sigma_factor(squares, 3) == pytest.approx(2.0, rel=0.02)


def test_few_that_are_far_off_widen_a_doubt_that_holds_its_share():
    squares = np.r_[chi2.rvs(3, size=9_500, random_state=0), np.full(500, 1e4)]
    assert sigma_factor(squares, 3) == pytest.approx(np.sqrt(0.95 + 0.05 * 100.0 / 3.0), rel=0.02)


def test_level_and_upright_have_doubts_of_their_own():
    rng = np.random.default_rng(0)
    gap = rng.normal(size=(400, 20, 6)) * [2.0, 2.0, 0.5, 1.0, 1.0, 1.0]
    found = _factors(gap, np.tile(np.eye(6), (400, 20, 1, 1)), np.ones((20, 3)))
    np.testing.assert_allclose(found, np.tile([2.0, 0.5, 1.0], (20, 1)), rtol=0.15)


def test_calibration_is_kept_in_the_network(examples, tmp_path):
    network = trained(examples, tmp_path, 60, warm_steps=60, steps=60).network.eval()
    factors = calibrate(network, examples)
    np.testing.assert_allclose(network.calibration.numpy(), factors, rtol=1e-5)
    assert ((factors >= FACTOR_BOUNDS[0]) & (factors <= FACTOR_BOUNDS[1])).all()


def test_what_rests_flies_and_is_held_begins_differently():
    motion, held = torch.zeros(1, 2, 3, 35), torch.tensor([[0.0, 0.0, 1.0]])
    motion[:, -1, 1:, LOWEST_POINT_FEATURE] = 1.0  # 10 cm above the table
    torch.testing.assert_close(motion_kinds(motion, held, 0.2)[0], torch.eye(3))


def test_episodes_that_are_not_finite_or_not_there_are_refused(tmp_path):
    episode = sliding_episode(0)
    assert is_usable(episode)
    episode['frames/twist'][3, 0, 1] = np.nan
    assert not is_usable(episode)
    with pytest.raises(BadInputError, match='no such folder'):
        read_examples([tmp_path / 'nowhere'])
    with pytest.raises(BadInputError, match='expected at least one'):
        read_examples([tmp_path])
