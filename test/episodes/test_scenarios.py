import numpy as np
import pytest

from sakiyomi_data.scenarios.free_motion import roundness
from sakiyomi_data.scenarios.interaction import HORIZON_S, ScenarioPlayer
from sakiyomi_data.scenarios.registry import SCENARIOS, set_up_scenario
from simulation_node.bodies.physical_properties import (
    FRICTION_RANGE,
    MASS_RANGE_KG,
    sample_properties,
)
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from simulation_node.objects.meshes import Shape
from simulation_node.objects.object_files import load_object


@pytest.fixture(scope='module')
def cell():
    cell = SimulatedCell(SimulationConfig(scene='empty', count=0, hand_only=True))
    yield cell
    cell.close()


@pytest.mark.parametrize('scenario', SCENARIOS)
def test_every_scenario_plays_and_keeps_its_objects_finite(cell, files, scenario):
    builder, interaction = set_up_scenario(cell, scenario, files, np.random.default_rng(5))
    player = ScenarioPlayer(cell, interaction)
    player.advance(HORIZON_S)
    truth = {item.name: item for item in cell.ground_truth()}
    assert set(interaction.actors) <= set(truth) == set(builder.properties)
    assert all(np.isfinite(item.T_world_object).all() for item in truth.values())
    assert cell.time_s == pytest.approx(2.2)


def test_the_engine_has_the_properties_that_were_drawn(cell, files):
    rng = np.random.default_rng(1)
    assert len(files) >= 3
    for file in files[:3]:
        model, scale = load_object(file), 0.8
        shape = Shape(model.shape.vertices_m * np.float32(scale), model.shape.triangles, None)
        properties = sample_properties(shape, rng)
        name = cell.add(model, np.eye(4), scale, properties)
        truth = next(item for item in cell.ground_truth() if item.name == name)
        assert truth.mass_kg == pytest.approx(properties.mass_kg)
        assert truth.friction == pytest.approx(properties.friction)
        assert truth.center_of_mass == pytest.approx(properties.center_of_mass_m, abs=1e-5)
        cell.remove(name)


def test_a_bouncy_object_bounces_higher_than_a_dead_one(cell, box_model):
    heights = {}
    for restitution in (0.0, 0.6):
        cell.reset(0, scene='empty', count=0)
        shape = box_model.shape
        sampled = sample_properties(shape, np.random.default_rng(0))
        properties = type(sampled)(**vars(sampled) | {'restitution': restitution} | CENTRED)
        T = np.eye(4)
        T[:3, 3] = 0.5, 0.0, 0.2
        name = cell.add(box_model, T, 1.0, properties)
        path = []
        for _ in range(120):
            cell.step(1 / 240)
            path.append(cell.world.objects.pose(name)[2, 3])
        heights[restitution] = max(path[int(np.argmin(path)) :]) - min(path)
    assert heights[0.6] > heights[0.0] + 0.02


CENTRED = {'center_of_mass_m': np.zeros(3)}


@pytest.fixture
def box_model(tmp_path):
    path = tmp_path / 'box.urdf'
    path.write_text(
        '<robot name="box"><link name="box"><collision><geometry><box size="0.05 0.05 0.05"/>'
        '</geometry></collision></link></robot>'
    )
    return load_object(path)


def test_drawn_properties_stay_in_their_ranges(files):
    rng = np.random.default_rng(0)
    shape = load_object(files[0]).shape
    sampled = [sample_properties(shape, rng) for _ in range(200)]
    assert all(MASS_RANGE_KG[0] <= h.mass_kg <= MASS_RANGE_KG[1] for h in sampled)
    assert all(FRICTION_RANGE[0] <= h.friction <= FRICTION_RANGE[1] for h in sampled)


def test_a_long_cylinder_is_round_and_a_slab_is_not():
    angle = np.linspace(0, 2 * np.pi, 40)
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(40)], 1)
    can = np.vstack([ring + np.array([0, 0, z]) for z in (-1.6, 1.6)])
    slab = np.array(np.meshgrid([-1, 1], [-0.2, 0.2], [-2, 2.0])).reshape(3, -1).T
    assert roundness(can)[0] > 0.95
    assert abs(roundness(can)[1][2]) == pytest.approx(1.0)
    assert roundness(slab)[0] < 0.7
