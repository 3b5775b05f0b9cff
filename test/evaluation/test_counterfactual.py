"""What if, and what is known after a lift: the engine goes back to the same instant, rankings are
judged honestly, and what is carried out is what was asked for."""

import numpy as np
import pytest

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import Gaussian
from sakiyomi_cli.main import main
from sakiyomi_data.closed_loop.observed_cell import ObservedCell
from sakiyomi_data.counterfactual.candidate_motions import (
    LIFT_HEIGHT_M,
    grasp_motion,
    push_motion,
    sample_grasps,
    sample_pushes,
)
from sakiyomi_data.counterfactual.motion_rollouts import displacements as moved
from sakiyomi_data.counterfactual.motion_rollouts import simulate_paths
from sakiyomi_data.counterfactual.ranking import (
    auc,
    direction_error_rad,
    max_rank_correlation,
    rank_correlation,
)
from sakiyomi_evaluation import imagine, properties
from sakiyomi_evaluation.counterfactual.plot import draw_outcomes
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.objects.object_files import load_object, object_files
from world_model_node.config import PredictionConfig
from world_model_node.inference.physics_prior import PhysicsPrior

HAND = read_robot_config().hand

BOX = '<robot name="box"><link name="box">{0}{1}</link></robot>'
SHAPE = '<{0}><geometry><box size="0.04 0.06 0.05"/></geometry></{0}>'
HIDDEN = PhysicalProperties(0.2, 0.6, 1e-4, 1e-4, 0.0, np.zeros(3))


@pytest.fixture(scope='module')
def observed_cell():
    cell = ObservedCell(PhysicsPrior(PredictionConfig(), HAND), width=160, height=120, rays=1500)
    yield cell
    cell.close()


@pytest.fixture
def box(free_cell, tmp_path):
    """A box at rest in the middle of the table: its name, and its surface in the world."""
    path = tmp_path / 'box.urdf'
    path.write_text(BOX.format(SHAPE.format('visual'), SHAPE.format('collision')))
    free_cell.reset(0, scene='empty', count=0)
    T = np.eye(4)
    T[:3, 3] = 0.5, 0.0, 0.025
    name = free_cell.add(load_object(path), T, 1.0, HIDDEN)
    free_cell.step(0.3)
    return name, free_cell.shape(name).vertices_m.astype(float) + T[:3, 3]


def displacements(cell, name, motions):
    return moved(simulate_paths(cell, name, motions), np.zeros(3))


def test_every_candidate_starts_from_the_same_instant(free_cell, box):
    name, points = box
    motions = sample_pushes(points, 0.0, 4, np.random.default_rng(0))
    before = free_cell.world.objects.pose(name)
    once = displacements(free_cell, name, motions)
    assert np.array_equal(free_cell.world.objects.pose(name), before)
    # to a millimetre or so: the engine keeps no state of what its motors last exerted
    again = displacements(free_cell, name, motions[::-1])[::-1]
    assert again == pytest.approx(once, abs=2e-3)


def test_a_push_goes_where_it_is_aimed_and_a_longer_one_farther(free_cell, box):
    name, points = box
    for angle in (0.0, 2.0):
        motions = [push_motion(points, angle, 0.0, 0.02, length, 0.2) for length in (0.04, 0.10)]
        short, long = displacements(free_cell, name, motions)
        assert np.linalg.norm(long) > np.linalg.norm(short) + 0.04
        assert long[:2] / np.linalg.norm(long[:2]) == pytest.approx(
            [np.cos(angle), np.sin(angle)], abs=0.2
        )


def test_a_push_past_the_object_leaves_it_alone(free_cell, box):
    name, points = box
    (moved,) = displacements(free_cell, name, [push_motion(points, 0.0, 2.5, 0.02, 0.1, 0.2)])
    assert np.linalg.norm(moved) < 1e-3


def test_a_good_grasp_lifts_and_one_beside_the_object_does_not(free_cell, box):
    name, _ = box
    T = np.diag([1.0, -1.0, -1.0, 1.0])
    T[:3, :3] = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, -1]])  # closes across the narrow side
    T[:3, 3] = 0.5, 0.0, 0.03
    beside = T.copy()
    beside[1, 3] += 0.08
    lifted, left = displacements(
        free_cell, name, [grasp_motion(at, 0.055, 0.05, 20.0) for at in (T, beside)]
    )
    assert lifted[2] == pytest.approx(LIFT_HEIGHT_M, abs=0.01)
    assert np.linalg.norm(left) < 1e-3


def test_candidates_are_motions_that_can_be_imagined(box):
    rng = np.random.default_rng(0)
    motions = sample_pushes(box[1], 0.0, 20, rng) + sample_grasps(box[1], 0.0, 20, rng)
    assert len(motions) == 40
    for motion in motions:
        assert motion.times_s[0] == 0.0 and motion.times_s[-1] <= 1.0 + 1e-9
        assert (np.diff(motion.times_s) > 0.0).all()
        assert motion.T_world_grasp.shape == (len(motion.times_s), 4, 4)
        assert (np.diff(motion.finger_width_m) <= 0.0).all()
        assert motion.T_world_grasp[:, 2, 3].min() > 0.01


def test_rankings():
    rng = np.random.default_rng(0)
    told = rng.random(200)
    assert rank_correlation(told, told**3) == pytest.approx(1.0)
    assert rank_correlation(-told, told) == pytest.approx(-1.0)
    assert rank_correlation(np.ones(200), told) == 0.0
    assert rank_correlation(told, np.ones(200)) is None
    assert auc(told, told > 0.5) == 1.0 and auc(1.0 - told, told > 0.5) == 0.0
    assert auc(np.ones(200), told > 0.5) == pytest.approx(0.5)
    assert auc(told, np.ones(200, bool)) is None
    half = (told > np.median(told)).astype(float)
    assert max_rank_correlation(half) == pytest.approx(np.sqrt(0.75), abs=0.01)


def test_directions():
    east, north = np.array([[0.05, 0.0]]), np.array([[0.0, 0.03]])
    assert direction_error_rad(north, east, 0.01) == pytest.approx(np.pi / 2)
    assert direction_error_rad(0.0 * east, east, 0.01) == pytest.approx(np.pi / 2)
    assert direction_error_rad(2.0 * east, east, 0.01) == pytest.approx(0.0)
    assert direction_error_rad(east, east, 0.1) is None


@pytest.mark.slow
def test_a_scene_is_imagined_and_carried_out(observed_cell, tmp_path):
    files = object_files('random_urdfs')[:40]
    result = imagine.evaluate(files, 2, 6, 0, cell=observed_cell)
    assert result['model'] == 'physics_prior'
    for row in result['scenes']:
        assert len(row['pushes']['outcomes']['imagined_m']) == 6
        assert row['pushes']['imagine_ms'] > 0.0
        told = {'held_probability', 'imagined_m', 'nominal_m', 'simulated_m'}
        assert set(row['grasps']['outcomes']) == told
        assert row['pushes']['spearman_nominal'] is not None
    draw_outcomes(tmp_path / 'outcomes.png', result)
    assert (tmp_path / 'outcomes.png').stat().st_size > 1000


@pytest.mark.slow
def test_a_lifted_object_is_weighed(observed_cell):
    result = properties.evaluate(object_files('random_urdfs')[:40], 2, 0, cell=observed_cell)
    assert result['judged'] + result['missed'] == 2 == len(result['objects'])
    assert result['mass_relative_error'] < result['before']['mass_relative_error']
    assert set(result['coverage_90']) == {'mass', 'friction', 'com'}


def test_an_interval_covers_what_is_within_it():
    row = properties.scalar_error(Gaussian(0.22, 0.01**2), 0.2)
    assert row['relative_error'] == pytest.approx(0.1)
    assert not row['inside_90']
    assert properties.scalar_error(Gaussian(0.21, 0.01**2), 0.2)['inside_90']


def test_bad_arguments_are_refused_in_one_line(capsys, tmp_path):
    good = ['--objects', 'random_urdfs']
    for arguments in (
        ['properties', *good, '--rounds', '0'],
        ['properties', '--objects', '/nowhere'],
        ['imagine', *good, '--candidates', '1'],
        ['imagine', *good, '--json', str(tmp_path / 'no' / 'f.json')],
    ):
        assert main(['evaluate', *arguments]) == 2
        assert '\n' not in capsys.readouterr().err.strip()
