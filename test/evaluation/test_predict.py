import json

import numpy as np
import pytest

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import HandMotion
from sakiyomi_cli.main import main
from sakiyomi_data.episodes.layout import T0_FRAME, T0_SAMPLE
from sakiyomi_data.episodes.recorder import EpisodeRecorder
from sakiyomi_data.episodes.shards import write_shard
from sakiyomi_data.episodes.truth_columns import true_centers
from sakiyomi_data.rollouts.hull_simulator import HullSimulator, RolloutBody
from sakiyomi_evaluation.predict import DEFAULT_SCENARIOS, MODEL, evaluate
from sakiyomi_evaluation.prediction.errors import PredictionErrors, figures, fit_noise
from sakiyomi_evaluation.prediction.predictors import (
    TIMES_S,
    ConstantTwist,
    OracleLevel,
    PyBulletPredictor,
)
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.objects.hulls import COLLISION_MARGIN_M, fit_between_pads, rest_on_table
from simulation_node.objects.object_files import object_files
from world_model_node.config import PredictionConfig
from world_model_node.inference.physics_prior import PhysicsPrior

HAND = read_robot_config().hand

BOX = np.array(np.meshgrid(*3 * [[-0.025, 0.025]])).reshape(3, -1).T


@pytest.fixture(scope='module')
def episodes():
    recorder = EpisodeRecorder(width=160, height=120, rays=1500)
    files = object_files('random_urdfs')[:40]
    made = [recorder.episode(s, files, 3, i) for i, s in enumerate(('push', 'drop'))]
    recorder.close()
    return made


def outcomes(rng, sigma, count=4000):
    gaps = rng.normal(0.0, sigma, (count, len(TIMES_S), 3))
    covariance = np.tile(np.diag(np.broadcast_to(sigma, 3) ** 2), (len(TIMES_S), 1, 1))
    return [PredictionErrors('drop', 'p', gap, np.zeros(len(TIMES_S)), covariance) for gap in gaps]


def test_an_honest_covariance_covers_nine_in_ten_and_has_the_entropy_as_nll():
    result = figures(outcomes(np.random.default_rng(0), 0.01), None)
    assert result['coverage_90'] == pytest.approx(0.9, abs=0.01)
    assert result['nll'] == pytest.approx(1.5 * np.log(2 * np.pi * np.e * 0.01**2), abs=0.02)


def test_fitted_noise_is_that_of_the_errors():
    sigma = fit_noise(outcomes(np.random.default_rng(0), np.array([0.02, 0.02, 0.005])))
    assert sigma == pytest.approx(np.tile([0.02, 0.005], (len(TIMES_S), 1)), rel=0.05)


def test_a_wrong_covariance_has_a_worse_nll():
    made = outcomes(np.random.default_rng(0), 0.01)
    right, narrow = (
        figures(made, np.full((len(TIMES_S), 2), sigma))['nll'] for sigma in (0.01, 0.003)
    )
    assert right < narrow


def test_the_figures_hold_the_model_and_every_baseline(episodes):
    result = evaluate(episodes, PhysicsPrior(PredictionConfig(), HAND))
    assert result['model'] == 'physics_prior'
    assert set(result['ratio_to_nominal_1s']) == {'push', 'drop', 'mean'}
    names = {MODEL, 'physics_prior', 'constant_twist', *(told.value for told in OracleLevel)}
    for scenario in ('push', 'drop'):
        assert names <= set(result['scenarios'][scenario])
        model, prior = (result['scenarios'][scenario][n] for n in (MODEL, 'physics_prior'))
        assert model['error_mm'] == prior['error_mm']
        assert set(model['error_mm']) == set(model['error_rad']) == {'0.25', '0.5', '1'}


def test_what_is_told_the_true_state_starts_where_the_object_is(episodes):
    world, judged = HullSimulator(), 0
    try:
        for episode in episodes:
            row, first = 0, T0_SAMPLE + 1
            slot = episode['truth/slot'][row]
            if slot < 0:
                continue
            track = int(episode['frames/id'][slot])
            true = true_centers(episode)[first, row]
            start, misled = (
                {
                    told: PyBulletPredictor(world, told)
                    .predict(seen)[track]
                    .T_world_object[0, :3, 3]
                    for told in (OracleLevel.STATE, OracleLevel.PROPERTIES)
                }
                for seen in (episode, mistracked(episode, slot))
            )
            assert np.linalg.norm(start[OracleLevel.STATE] - true) < 0.02
            assert misled[OracleLevel.STATE] == pytest.approx(start[OracleLevel.STATE], abs=1e-3)
            assert (
                np.linalg.norm(misled[OracleLevel.PROPERTIES] - start[OracleLevel.PROPERTIES])
                > 0.1
            )
            judged += 1
    finally:
        world.close()
    assert judged


def mistracked(episode, slot):
    """The episode with the track of this slot half a metre off at t0, and 1 m/s too fast."""
    columns = ('frames/T_world_object', 'frames/twist')
    moved = episode | {name: episode[name].copy() for name in columns}
    moved['frames/T_world_object'][T0_FRAME, slot, 0, 3] += 0.5
    moved['frames/twist'][T0_FRAME, slot, 0] += 1.0
    return moved


def test_stored_episodes_are_evaluated_from_the_command_line(episodes, tmp_path):
    write_shard(tmp_path / 'shard_00000.h5', episodes, {})
    command = ['evaluate', 'predict', '--episodes', str(tmp_path)]
    figures_file, noise_file = tmp_path / 'p.json', tmp_path / 'noise.json'
    command += ['--json', str(figures_file), '--fit-noise', str(noise_file)]
    assert main(command) == 0
    written = json.loads(figures_file.read_text())
    assert 'coverage_90' in written['pooled']['constant_twist']
    assert (tmp_path / 'p_errors.png').stat().st_size > 1000
    assert np.shape(json.loads(noise_file.read_text())['sigma_m']['pybullet_true']) == (20, 2)


def test_nothing_to_judge_or_neither_source_is_refused(tmp_path, capsys):
    for arguments in ([], ['--episodes', str(tmp_path)], ['--objects', '/nowhere']):
        assert main(['evaluate', 'predict', *arguments]) == 2
        assert '\n' not in capsys.readouterr().err.strip()


def test_constant_twist_goes_straight_on(episodes):
    futures = [f for episode in episodes for f in ConstantTwist().predict(episode).values()]
    assert futures
    for future in futures:
        steps = np.diff(future.T_world_object[:, :3, 3], axis=0)
        assert steps == pytest.approx(np.tile(steps[0], (len(steps), 1)), abs=1e-9)


def test_a_hull_slides_as_far_as_its_friction_lets_it():
    world = HullSimulator()
    T = np.eye(4)
    T[:3, 3] = 0.45, 0.0, 0.025
    properties = PhysicalProperties(0.2, 0.5, 1e-4, 1e-4, 0.0, np.zeros(3))
    body = RolloutBody(BOX, T, np.array([0.8, 0, 0, 0, 0, 0]), properties)
    poses = world.roll_out([body], np.array([0.5, 1.0]))
    again = world.roll_out([body], np.array([0.5, 1.0]))
    world.close()
    assert poses[-1, 0, 0, 3] - 0.45 == pytest.approx(0.8**2 / (2 * 0.5 * 9.81), rel=0.1)
    assert np.array_equal(poses, again)


def test_an_object_seen_from_above_is_continued_down_to_the_table():
    T = np.eye(4)
    T[2, 3] = 0.035
    points, at = rest_on_table(BOX, T, 0.0, 0.02)
    assert (points + at[:3, 3])[:, 2].min() == pytest.approx(COLLISION_MARGIN_M, abs=1e-9)
    T[2, 3] = 0.020
    points, at = rest_on_table(BOX, T, 0.0, 0.02)
    assert at[2, 3] == pytest.approx(0.025 + COLLISION_MARGIN_M)
    T[2, 3] = 0.2
    assert rest_on_table(BOX, T, 0.0, 0.02)[0] is BOX


def test_what_is_held_fits_between_the_pads_and_is_lifted():
    down = np.diag([1.0, -1.0, -1.0, 1.0])
    down[:3, 3] = 0.5, 0.0, 0.05
    T = np.eye(4)
    T[:3, 3] = 0.5, 0.0, 0.03
    contacts = np.array([[0.5, y, 0.05] for y in (-0.02, 0.02)])
    fitted = fit_between_pads(BOX, T, down, 0.04, contacts)
    assert np.ptp(fitted[:, 1]) == pytest.approx(0.04)
    up = down.copy()
    up[2, 3] += 0.1
    action = HandMotion(np.array([0.0, 0.8]), np.stack([down, up]), np.zeros(2), 20.0)
    properties = PhysicalProperties(0.2, 0.5, 1e-4, 1e-4, 0.0, np.zeros(3))
    body = RolloutBody(fitted, T, np.zeros(6), properties, held=True)
    world = HullSimulator()
    poses = world.roll_out([body], np.array([0.5, 1.0]), action, (down, 0.04))
    world.close()
    assert poses[-1, 0, 2, 3] == pytest.approx(0.13, abs=0.01)


def test_the_contract_names_its_scenarios():
    assert DEFAULT_SCENARIOS == ('push', 'slide', 'roll', 'drop', 'toss', 'collide', 'lift')
