"""PyBullet as a baseline is a fair one: from the truth it repeats the simulator, and no hull is
thrown about by what it was put into."""

import numpy as np
import pytest

from sakiyomi.geometry import make_transform
from sakiyomi.scene import HandMotion
from sakiyomi_data.rollouts.hull_simulator import HullSimulator, RolloutBody
from sakiyomi_data.scenarios.interaction import ScenarioPlayer
from sakiyomi_data.scenarios.registry import set_up_scenario
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.objects.hulls import clip_hull, rest_on_table
from simulation_node.objects.object_files import object_files

TIMES_S = 0.05 * np.arange(1, 21)
BOX = np.array(np.meshgrid(*3 * [[-0.025, 0.025]])).reshape(3, -1).T
HIDDEN = PhysicalProperties(0.2, 0.5, 1e-4, 1e-4, 0.0, np.zeros(3))


@pytest.fixture(scope='module')
def world():
    world = HullSimulator()
    yield world
    world.close()


@pytest.mark.parametrize('scenario', ['push', 'slide', 'roll', 'toss', 'conveyor'])
def test_from_the_true_state_and_shape_it_repeats_the_simulator(scenario, world, free_cell):
    gaps_m = [repeated(world, free_cell, scenario, seed) for seed in (1, 2, 3)]
    early = np.max(gaps_m, axis=0)[:5]
    assert early.max() < 1e-3  # while the solvers' remembered impulses have not grown into more
    assert np.median(gaps_m, axis=0)[-1] < 2e-3


def repeated(world, cell, scenario, seed):
    """How far apart (H,) the world and the cell bring the actor."""
    files = object_files('random_urdfs')
    builder, interaction = set_up_scenario(cell, scenario, files, np.random.default_rng([7, seed]))
    player, name = ScenarioPlayer(cell, interaction), interaction.actors[0]
    player.advance(0.0)
    bodies = [
        RolloutBody(
            cell.shape(t.name).vertices_m.astype(float),
            t.T_world_object,
            t.twist,
            builder.properties[t.name],
            model=builder.samples[t.name].model,
            scale=builder.samples[t.name].scale,
        )
        for t in cell.ground_truth()
    ]
    row = [t.name for t in cell.ground_truth()].index(name)
    action = hand = None
    if interaction.hand is not None:
        poses, widths, forces = interaction.hand.sample_commands(TIMES_S - TIMES_S[0], 0.1)
        action = HandMotion(TIMES_S - TIMES_S[0], poses, widths, float(forces[0]))
        hand = cell.grasp_pose(), cell.world.robot.finger_width_m()
    belt = cell.world.conveyor.velocity
    told = world.roll_out(bodies, TIMES_S, action, hand, belt if belt.any() else None)[:, row]
    gaps_m = []
    for time_s, T in zip(TIMES_S, told, strict=True):
        player.advance(time_s)
        gaps_m.append(np.linalg.norm(cell.world.objects.pose(name)[:3, 3] - T[:3, 3]))
    return gaps_m


def test_a_hull_that_reaches_into_the_hand_is_not_thrown_out(world):
    down = np.diag([1.0, -1.0, -1.0, 1.0])
    down[:3, 3] = 0.47, 0.0, 0.03  # the closed fingers stand 2 cm deep in the box
    action = HandMotion(np.array([0.0]), down[None], np.zeros(1), 20.0)
    points, T = rest_on_table(BOX, make_transform(np.eye(3), [0.5, 0.0, 0.026]), 0.0, 0.02)
    body = RolloutBody(points, T, np.zeros(6), HIDDEN)
    poses = world.roll_out([body], TIMES_S, action, (down, 0.0))[:, 0]
    assert np.linalg.norm(poses[:, :3, 3] - T[:3, 3], axis=1).max() < 2e-3


def test_a_hull_set_on_the_table_neither_jumps_nor_falls(world):
    for height_m in (0.020, 0.026, 0.034):
        points, T = rest_on_table(BOX, make_transform(np.eye(3), [0.5, 0.0, height_m]), 0.0, 0.02)
        poses = world.roll_out([RolloutBody(points, T, np.zeros(6), HIDDEN)], TIMES_S)[:, 0]
        assert np.abs(poses[:, :3, 3] - T[:3, 3]).max() < 3e-4


def test_a_box_cut_in_two_is_half_a_box():
    half = clip_hull(BOX, np.zeros(3), np.array([1.0, 0.0, 0.0]))
    assert half[:, 0].min() == pytest.approx(0.0, abs=1e-12)
    assert half.max(axis=0) == pytest.approx([0.025] * 3)
    assert half.min(axis=0)[1:] == pytest.approx([-0.025] * 2)


def test_many_cuts_leave_few_points():
    points = np.random.default_rng(0).normal(size=(400, 3))
    for normal in np.eye(3).repeat(4, axis=0):
        points = clip_hull(points, -0.05 * normal, normal)
    assert len(points) < 20_000 and np.isfinite(points).all()
