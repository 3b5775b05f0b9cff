"""Tosses: what is learned from recordings whose truth is known, and what is refused."""

import json
import signal

import numpy as np
import pytest
import torch
from tossed import RATE_HZ, TRUTH, record, true_parameters, write

from sakiyomi.errors import BadInputError
from sakiyomi_cli.main import main
from sakiyomi_data.tosses.cma_es import CmaEs
from sakiyomi_data.tosses.cube_model import Paths, TossModel
from sakiyomi_data.tosses.errors import angle_between, geometric_median, path_errors
from sakiyomi_data.tosses.fit import TossFit
from sakiyomi_data.tosses.flight import estimate_flight
from sakiyomi_data.tosses.recordings import read_tosses


@pytest.fixture(autouse=True)
def signals():
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope='module')
def tosses():
    return record(16, 0)


@pytest.fixture
def files(tmp_path, tosses):
    return write(tmp_path / 'train.npz', tosses), write(tmp_path / 'test.npz', record(4, 1))


def toss(files, *more):
    return main(['evaluate', 'toss', '--train', str(files[0]), '--test', str(files[1]), *more])


def test_the_true_parameters_predict_without_error(tosses):
    paths = TossModel(RATE_HZ).roll_out(true_parameters()[None], tosses)
    assert path_errors(paths, tosses).figures()['mm_80'] < 0.01


def test_the_wobble_of_the_flight_shows_the_centre_of_mass_and_gravity():
    flight = estimate_flight(record(64, 2))
    assert flight.center_m == pytest.approx([0.0, 0.0, TRUTH['center_z_m']], abs=1e-3)
    assert flight.gravity_mps2 == pytest.approx(9.81, abs=0.1)


@pytest.mark.slow
def test_the_search_lessens_the_error(tosses):
    fit = TossFit(tosses, generations=8, seed=0)
    before = path_errors(fit.model.roll_out(fit.start[None], tosses), tosses).figures()
    fit.run(None, lambda done: None)
    after = path_errors(fit.model.roll_out(fit.parameters[None], tosses), tosses).figures()
    assert after['mm_80'] < 0.9 * before['mm_80']


@pytest.mark.slow
def test_an_interrupted_search_ends_where_an_unbroken_one_does(tosses, tmp_path):
    def stop_after(limit):
        def stop(done):
            if done == limit:
                raise KeyboardInterrupt

        return stop

    some = tosses.take(np.arange(4))
    whole = TossFit(some, generations=7, seed=3)
    whole.run(None, lambda done: None)
    checkpoint = tmp_path / 'fit.safetensors'
    with pytest.raises(KeyboardInterrupt):
        TossFit(some, generations=7, seed=3).run(checkpoint, stop_after(6))
    resumed = TossFit(some, generations=7, seed=3)
    resumed.run(checkpoint, lambda done: None)
    assert resumed.parameters == pytest.approx(whole.parameters, rel=1e-6)
    with pytest.raises(BadInputError, match='other tosses, generations, seed or prior'):
        TossFit(some, generations=9, seed=3).run(checkpoint, lambda done: None)


def test_a_checkpoint_that_is_none_is_refused(tosses, tmp_path):
    path = tmp_path / 'fit.safetensors'
    path.write_bytes(b'not a checkpoint')
    with pytest.raises(BadInputError, match='got no checkpoint'):
        TossFit(tosses, generations=2, seed=0).run(path, lambda done: None)


def test_the_evolution_finds_the_bottom_of_a_skewed_bowl():
    search, scales = CmaEs(6, 12, 1.0, 0), np.array([1.0, 3.0, 10.0, 1.0, 3.0, 10.0])
    for _ in range(150):
        points = search.ask()
        search.tell(points, ((scales * (points - 2.0)) ** 2).sum(1))
    assert search.mean == pytest.approx(np.full(6, 2.0), abs=1e-3)


def test_one_wild_sample_does_not_move_what_the_others_agree_on():
    position = torch.zeros(9, 1, 1, 3)
    position[0] = 5.0
    rotation = torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(9, 1, 1, 1)
    rotation[0, ..., :] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    rotation[1] *= -1.0  # the same rotation
    middle = geometric_median(Paths(position, rotation))
    assert middle.position.norm() < 1e-3
    assert angle_between(middle.rotation, rotation[2]).max() < 0.02


@pytest.mark.slow
def test_the_command_writes_the_figures_of_the_contract(files, tmp_path):
    out, picture = tmp_path / 'toss.json', tmp_path / 'toss.png'
    more = ('--n-train', '8', '--generations', '1', '--seed', '5', '--threads', '1')
    assert toss(files, *more, '--json', str(out), '--figure', str(picture)) == 0
    figures = json.loads(out.read_text())
    assert {'mm_80', 'rad_80', 'mm_full', 'rad_full', 'coverage'} <= figures.keys()
    assert 'mujoco' in figures['baselines']
    assert figures['provenance']['seed'] == 5
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_a_file_that_is_cut_off_is_refused(files):
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInputError, match=r'train\.npz: got no whole'):
        read_tosses(files[0])


def test_a_file_with_a_changed_byte_is_refused(files):
    content = bytearray(files[0].read_bytes())
    content[len(content) // 3] ^= 0xFF
    files[0].write_bytes(content)
    with pytest.raises(BadInputError, match=r'train\.npz'):
        read_tosses(files[0])


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'position': np.zeros((7, 3), np.float32)}, 'position: got float32'),
        ({'position': np.full((16 * 90, 3), np.nan, np.float32)}, 'not finite'),
        ({'quaternion_wxyz': np.ones((16 * 90, 4), np.float32)}, 'expected 1'),
        ({'length': np.zeros(0, int)}, 'got 0 tosses'),
        ({'length': np.full(16, 2)}, 'a toss of 2 frames'),
        ({'length': np.full(16, 90.0)}, 'expected integers'),
        ({'rate_hz': np.float64(-1.0)}, 'one positive number'),
        ({'linear_velocity': None}, 'got no linear_velocity'),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, tosses, changes, message):
    path = write(tmp_path / 'train.npz', tosses, **changes)
    with pytest.raises(BadInputError, match=message) as refused:
        read_tosses(path)
    assert '\n' not in str(refused.value)


@pytest.mark.parametrize(
    'more',
    [
        ('--n-train', '1000'),
        ('--n-train', '3'),
        ('--generations', '0'),
        ('--figure', '/nowhere/x.png'),
    ],
)
def test_bad_usage_exits_with_two(files, more):
    assert toss(files, *more) == 2


def test_recordings_at_another_rate_are_refused(files, tmp_path, capsys):
    other = write(tmp_path / 'other.npz', record(4, 1), rate_hz=np.float64(120.0))
    assert toss((files[0], other)) == 2
    assert 'rate_hz: got 120, expected 148' in capsys.readouterr().err
