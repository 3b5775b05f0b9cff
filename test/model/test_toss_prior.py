"""Pre-training on simulated cubes: the prior, its file, and the curve that is made with it."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from tossed import record, write

from sakiyomi.errors import BadInputError
from sakiyomi_cli.main import main
from sakiyomi_data.tosses.cube_model import NAMES, SCALES
from sakiyomi_data.tosses.fit import TossFit, advance
from sakiyomi_data.tosses.flight import estimate_flight
from sakiyomi_data.tosses.prior import (
    HAND_SET,
    TossPrior,
    learned_prior,
    read_prior,
    write_prior,
)
from sakiyomi_data.tosses.simulated_cubes import sample_cube, simulate_tosses
from sakiyomi_data.tosses.tossed_cube import CubeProperties, TossedCube
from sakiyomi_evaluation.tosses import learning_curve as curve_points
from sakiyomi_evaluation.tosses.learning_curve import LearningCurve, summary
from sakiyomi_training.toss_pretraining import Pretraining, pretrain

UNTURNED, STILL = np.array([0.0, 0.0, 0.0, 1.0]), np.zeros(3)


@pytest.fixture(autouse=True)
def denormals_are_flushed():
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope='module')
def offsets():
    return SCALES * np.random.default_rng(0).standard_normal((12, len(NAMES)))


@pytest.fixture
def prior(offsets):
    counts, widening = np.array([8.0, 64.0]), np.array([[2.0, 3.0], [1.0, 1.5]])
    learned = learned_prior(offsets, 0.2)
    return TossPrior(learned.mean, learned.factor, learned.weight, counts, widening)


@pytest.fixture
def file(tmp_path, prior):
    write_prior(tmp_path / 'prior.safetensors', prior, {})
    return tmp_path / 'prior.safetensors'


def cube(friction=0.3, restitution=0.0):
    return CubeProperties(0.1, 0.37, friction, restitution, 1.0 / 6.0, 1.0, np.zeros(3))


def slid_m(friction):
    """How far a cube slides that touches the plane at one metre a second."""
    body = TossedCube(cube(friction), 148.0)
    poses = body.throw(np.array([0.0, 0.0, 0.05]), UNTURNED, np.array([1.0, 0.0, 0.0]), STILL, 90)
    body.close()
    return poses[-1, 0]


def test_a_cube_slides_as_far_as_coulomb_says():
    assert slid_m(0.2) == pytest.approx(1.0 / (2.0 * 0.2 * 9.81), rel=0.1)
    assert slid_m(0.4) == pytest.approx(1.0 / (2.0 * 0.4 * 9.81), rel=0.1)


def test_a_cube_off_balance_flies_about_its_centre_of_mass():
    drawn = sample_cube(np.random.default_rng(1))
    flight = estimate_flight(simulate_tosses(drawn, 16, np.random.default_rng(2)))
    assert flight.center_m == pytest.approx(drawn.center_m, abs=5e-4)
    assert flight.gravity_mps2 == pytest.approx(9.81, abs=0.05)
    assert flight.width_m == pytest.approx(drawn.width_m, rel=0.03)


def test_the_same_seed_throws_the_same_tosses():
    first, again, other = (
        simulate_tosses(cube(), 2, np.random.default_rng(seed)).position for seed in (3, 3, 4)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_learned_prior_has_the_mean_and_the_variances_of_the_fits(offsets):
    prior = learned_prior(offsets, 0.1)
    covariance = prior.factor @ prior.factor.T
    assert prior.mean == pytest.approx(offsets.mean(0))
    assert np.diag(covariance) == pytest.approx(offsets.var(0, ddof=1))


def test_chance_correlations_of_few_cubes_are_drawn_towards_none(offsets):
    prior = learned_prior(offsets, 0.1)
    deviation = offsets.std(0, ddof=1)
    learned = prior.factor @ prior.factor.T / np.outer(deviation, deviation)
    others = ~np.eye(len(NAMES), dtype=bool)
    found = np.corrcoef(offsets.T)
    assert np.abs(learned[others]).mean() < 0.3 * np.abs(found[others]).mean()


def test_a_prior_is_read_as_it_was_written(prior, file):
    assert read_prior(file).fingerprint == prior.fingerprint


def test_widening_lies_between_that_of_fewer_and_of_more_tosses(prior):
    assert prior.widening_for(8) == (2.0, 3.0)
    assert 1.0 < prior.widening_for(20)[0] < 2.0
    assert prior.widening_for(400) == (1.0, 1.5)
    assert HAND_SET.widening_for(8) == (1.0, 1.0)


def test_a_prior_that_is_cut_off_is_refused(file):
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInputError, match=r'prior\.safetensors: got no prior'):
        read_prior(file)


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'mean': np.zeros(3)}, r'mean: got float64 \(3,\)'),
        ({'mean': np.full(len(NAMES), np.nan)}, 'mean: got values that are not finite'),
        ({'factor': np.eye(len(NAMES), dtype=np.float32)}, 'factor: got float32'),
        ({'weight': np.array([-1.0])}, 'weight: got -1'),
        ({'counts': np.zeros(0)}, 'counts: got float64'),
        ({'counts': np.array([64.0, 8.0])}, 'expected increasing'),
        ({'widening': np.zeros((2, 2))}, 'widening: got 0'),
    ],
)
def test_a_prior_that_cannot_be_is_refused_in_one_line(file, changes, message):
    save_file(load_file(file) | changes, file, {'parameters': ' '.join(NAMES)})
    with pytest.raises(BadInputError, match=message) as refused:
        read_prior(file)
    assert '\n' not in str(refused.value)


def test_a_prior_of_other_parameters_is_refused(file):
    save_file(load_file(file), file, {'parameters': 'mass'})
    with pytest.raises(BadInputError, match='parameters: got mass'):
        read_prior(file)


def test_cubes_searched_together_end_where_each_ends_alone(prior):
    def fits():
        return [TossFit(record(2, seed), 1, seed, p) for seed, p in ((0, HAND_SET), (1, prior))]

    together, alone = fits(), fits()
    assert len(together) == 2
    advance(together)
    for fit in alone:
        advance([fit])
    for one, other in zip(together, alone, strict=True):
        assert one.parameters == pytest.approx(other.parameters, rel=1e-6)


@pytest.mark.slow
def test_pretraining_expects_the_friction_of_the_cubes_it_saw():
    settings = Pretraining(cubes=4, tosses=2, further_cubes=1, counts=(8,), generations=1)
    prior, figures = pretrain(settings, lambda *_: None)
    frictions = [sample_cube(np.random.default_rng([0, 0, i])).friction for i in range(4)]
    assert prior.mean[NAMES.index('friction')] == figures['mean']['friction']
    assert 0.2 + figures['mean']['friction'] == pytest.approx(np.mean(frictions), abs=0.05)
    assert prior.widening.shape == (1, 2)


def curve(folder, generations=1, prior=None):
    return LearningCurve(record(10, 0), record(2, 1), prior, generations, folder)


@pytest.mark.slow
def test_finished_points_of_the_curve_are_not_fitted_again(tmp_path, monkeypatch, prior):
    first = curve(tmp_path, prior=prior)
    first.measure(8, [0], lambda done: None)
    monkeypatch.setattr(curve_points, 'advance', None)
    again = curve(tmp_path, prior=prior)
    again.measure(8, [0], lambda done: None)
    assert again.points == first.points
    assert [row['pretrained'] for row in summary(again.points)] == [False, True]
    with pytest.raises(BadInputError, match='other tosses, generations or prior'):
        curve(tmp_path, generations=2).measure(8, [0], lambda done: None)
    next(tmp_path.glob('*without.json')).write_text('{"of"')
    with pytest.raises(BadInputError, match='got no finished point'):
        curve(tmp_path).measure(8, [0], lambda done: None)


def test_the_curve_command_writes_figures_and_picture(tmp_path):
    train = write(tmp_path / 'train.npz', record(8, 0))
    test = write(tmp_path / 'test.npz', record(2, 1))
    out, picture = tmp_path / 'curve.json', tmp_path / 'curve.png'
    command = ['evaluate', 'toss_curve', '--train', str(train), '--test', str(test)]
    command += ['--generations', '1', '--threads', '1', '--seeds', '5', '--json', str(out)]
    assert main([*command, '--counts', '8', '--figure', str(picture)]) == 0
    (row,) = json.loads(out.read_text())['curve']
    assert (row['n_train'], row['pretrained'], row['seeds']) == (8, False, 1)
    assert picture.read_bytes().startswith(b'\x89PNG')
    assert main([*command, '--counts', '9']) == 2
    assert main([*command, '--pretrained', str(tmp_path / 'none')]) == 2


@pytest.mark.parametrize('more', [('--cubes', '2'), ('--generations', '0'), ('--tosses', '1')])
def test_bad_usage_of_the_pretraining_exits_with_two(tmp_path, more):
    out = tmp_path / 'prior.safetensors'
    assert main(['train', 'toss_prior', '--out', str(out), *more]) == 2
    assert not out.exists()
