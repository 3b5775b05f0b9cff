"""The computed physics, with the network's own corrections at their zero start."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from observed_scenes import CUBE, cube, hand_at, motion, observed, reaching, turning

from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_data.counterfactual.motion_rollouts import simulate_paths
from sakiyomi_data.rollouts.hull_simulator import HullSimulator
from sakiyomi_evaluation.prediction.predictors import nominal_body
from world_model_node.model.belief import ModelInput
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import build_window
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.physics.active_contacts import ActiveContacts, active_contacts
from world_model_node.model.state_posterior import NUM_GATES

HAND = read_robot_config().hand

G = 9.81


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    network = WorldNetwork(ModelConfig(), HAND.trained)
    with torch.no_grad():  # the tracker's twist as it is
        bias = network.belief.hidden_state.head.bias
        bias[-NUM_GATES:] = torch.tensor([-20.0] * 5 + [0.0, 0.0, -20.0])
    return network


def futures(network, observations, action=None, hand=None):
    """Positions (n, H, 3) in the world frame, and what was imagined."""
    framed = build_window(observations, len(observations[-1].objects))
    window = ModelInput(*(torch.from_numpy(np.asarray(a))[None] for a in framed.window))
    rows = torch.from_numpy(encode_action(action, hand, framed.T_world_frame))[None, None]
    n = len(framed.ids)
    noise = torch.zeros(1, 1, n, network.noise_size)
    parts = ActiveContacts(hand=action is not None or hand is not None)
    with torch.no_grad():
        imagined, _ = network.imagine(network.update(window), window, rows, noise, parts)
    T = framed.T_world_frame
    return imagined.position[0, 0].numpy() @ T[:3, :3].T + T[:3, 3], imagined


def test_a_sliding_cube_stops_where_coulomb_says(network):
    place, _ = futures(network, observed(cube(velocity=(0.6, 0.0, 0.0), friction=0.4)))
    expected = 0.6**2 / (2 * 0.4 * G)
    assert place[0, -1, 0] - 0.5 == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize('friction', [0.1, 0.3, 0.6])
def test_friction_takes_mu_g_from_what_slides(network, friction):
    velocity = (2.0 * friction * G * 0.5, 0.0, 0.0)  # it slides the whole second
    place, _ = futures(network, observed(cube(velocity=velocity, friction=friction)))
    speed = np.diff(place[0, :, 0]) / 0.05
    taken = (speed[1] - speed[11]) / 0.5
    assert taken == pytest.approx(friction * G, rel=0.03)


def test_what_lies_on_a_belt_goes_with_it(network):
    riding = observed(cube(velocity=(0.2, 0.1, 0.0)), belt=(0.2, 0.1))
    place, _ = futures(network, riding)
    assert np.abs(place[0, -1] - [0.7, 0.1, 0.02]).max() < 2e-3


def test_a_belt_that_starts_takes_along_what_lay_there(network):
    place, _ = futures(network, observed(cube(), belt=(0.3, 0.0)))
    lost = 0.3**2 / (2 * 0.5 * G)  # while it slips
    assert place[0, -1, 0] - 0.5 == pytest.approx(0.3 - lost, abs=0.006)


def test_a_falling_cube_falls_freely_and_not_through_the_table(network):
    place, _ = futures(network, observed(cube(at=(0.5, 0.0, 0.3)), frames=1))
    assert place[0, 3, 2] == pytest.approx(0.3 - 0.5 * G * 0.2**2, abs=0.005)
    assert place[0, :, 2].min() > 0.012
    assert place[0, -1, 2] < 0.05


def test_nothing_moves_that_nothing_touches(network):
    rest = observed(cube(), hand=hand_at((0.3, 0.2, 0.2)))
    place, _ = futures(network, rest, motion((0.3, 0.2, 0.2), (0.1, 0.0, 0.0)))
    assert np.abs(place[0] - [0.5, 0.0, 0.02]).max() < 2e-3


def test_a_pushed_cube_goes_ahead_of_the_fingers(network):
    start = (0.5 - 0.02 - 0.0105 - 0.01, 0.0, 0.02)
    rest = observed(cube(), hand=hand_at(start))
    place, _ = futures(network, rest, motion(start, (0.15, 0.0, 0.0)))
    assert place[0, -1, 0] == pytest.approx(0.64, abs=0.006)
    assert abs(place[0, -1, 1]) < 0.01


def plate(at, object_id=7):
    """A cube pressed to a thickness of 12 mm, and made twice as wide."""
    return replace(cube(at, object_id=object_id), points_m=CUBE * np.float32([2.0, 2.0, 0.3]))


def test_a_fast_finger_takes_a_thin_plate_along(network):
    start = (0.5 - 0.04 - 0.0105 - 0.01, 0.0, 0.014)
    rest = observed(plate((0.5, 0.0, 0.006)), hand=hand_at(start))
    place, _ = futures(network, rest, motion(start, (0.35, 0.0, 0.0)))
    assert place[0, 9, 0] - 0.5 == pytest.approx(0.175 - 0.01, abs=0.012)
    assert np.abs(place[0, :, 2] - 0.006).max() < 5e-3


def test_the_palm_pushes_what_is_taller_than_the_fingers(network):
    tall = replace(cube((0.5, 0.0, 0.08)), points_m=CUBE * np.float32([1.0, 1.0, 4.0]))
    start = (0.5 - 0.02 - 0.04, 0.09, 0.02)  # the fingers go past, the palm does not
    rest = observed(tall, hand=hand_at(start))
    place, _ = futures(network, rest, motion(start, (0.1, 0.0, 0.0)))
    assert place[0, -1, 0] - 0.5 > 0.02


def test_a_closed_hand_holds_nothing(network):
    start = (0.5 - 0.02 - 0.0105 - 0.01, 0.0, 0.02)
    rest = observed(cube(), hand=hand_at(start))
    _, imagined = futures(network, rest, motion(start, (0.15, 0.0, 0.0)))
    assert imagined.held.max() < 0.01


def test_a_shape_that_reaches_into_the_hand_is_not_thrust_out(network):
    inside = (0.5 - 0.02 - 0.0105 + 0.008, 0.0, 0.02)
    rest = observed(cube(), hand=hand_at(inside))
    place, _ = futures(network, rest, motion(inside, (0.0, 0.0, 0.0)))
    assert np.abs(place[0] - [0.5, 0.0, 0.02]).max() < 2e-3
    place, _ = futures(network, rest, motion(inside, (0.1, 0.0, 0.0)))
    assert place[0, -1, 0] == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize('angle', [np.pi, 2.0 * np.pi])
def test_what_is_held_stays_in_the_hand_over_a_whole_turn(network, angle):
    at = (0.49, 0.0, 0.10)
    held = observed(cube((0.5, 0.0, 0.10), held=True), hand=hand_at(at, width=0.04, force=40.0))
    place, imagined = futures(network, held, turning(at, angle))
    turns = angle * 0.05 * np.arange(1, 21)
    expected = np.array(at) + 0.01 * np.stack([np.cos(turns), np.sin(turns), 0 * turns], 1)
    assert np.abs(place[0] - expected).max() < 2e-3
    assert imagined.held.min() > 0.9


@pytest.mark.parametrize(('force', 'follows'), [(20.0, True), (0.2, False)])
def test_a_held_cube_follows_the_hand_as_far_as_friction_goes(network, force, follows):
    hand = hand_at((0.5, 0.0, 0.02), width=0.04, force=force)
    held = observed(cube(held=True), hand=hand)
    lift = motion((0.5, 0.0, 0.02), (0.0, 0.0, 0.15), force=force)
    place, imagined = futures(network, held, lift)
    assert (place[0, -1, 2] > 0.16) == follows
    assert (place[0, -1, 2] < 0.04) != follows
    assert imagined.slip[0, 0, 0].max() < 0.05 or not follows


def test_one_cube_that_hits_another_gives_its_momentum_on(network):
    runner = cube(at=(0.40, 0.0, 0.02), velocity=(0.9, 0.0, 0.0), object_id=1, friction=0.15)
    struck = cube(at=(0.50, 0.0, 0.02), object_id=2, friction=0.15)
    place, _ = futures(network, observed(runner, struck))
    assert place[1, -1, 0] > 0.53
    assert (place[1, :, 0] - place[0, :, 0]).min() > 0.034


def test_a_collision_begins_when_they_touch(network):
    struck = cube(at=(0.56, 0.0, 0.02), object_id=2, friction=0.02)
    ends = []
    for back in np.linspace(0.0, 0.025, 5):  # what a runner covers in one substep
        runner = cube((0.48 - back, 0.0, 0.02), (1.0, 0.0, 0.0), object_id=1, friction=0.02)
        place, _ = futures(network, observed(runner, struck))
        ends.append(place[1, 9, 0] + back * (place[1, 9, 0] - place[1, 8, 0]) / 0.05)
    assert np.ptp(ends) < 0.006


def test_what_cannot_touch_is_left_out_and_changes_nothing(network):
    apart = observed(
        cube(at=(0.4, 0.0, 0.02), object_id=1), cube(at=(0.7, 0.1, 0.02), object_id=2)
    )
    window = build_window(apart, 2).window
    away = encode_action(motion((0.4, -0.4, 0.3), (0.0, 0.0, 0.0)), None, np.eye(4))[None]
    assert active_contacts(window, away, hand_present=True) == (False, False)
    runner = cube(at=(0.4, 0.0, 0.02), velocity=(0.8, 0.0, 0.0), object_id=1)
    struck = cube(at=(0.55, 0.0, 0.02), object_id=2)
    window = build_window(observed(runner, struck), 2).window
    assert active_contacts(window, away, hand_present=False) == (False, True)


@pytest.mark.parametrize('aside', [0.0, 0.006])
def test_a_flat_side_that_is_pushed_off_its_middle_stays_on_the_finger(network, aside):
    start = (0.5 - 0.04 - 0.0105 - 0.01, aside, 0.014)  # fingers 42 mm wide
    rest = observed(plate((0.5, 0.0, 0.006)), hand=hand_at(start))
    place, imagined = futures(network, rest, motion(start, (0.15, 0.0, 0.0)))
    assert place[0, -1, 0] == pytest.approx(0.64, abs=0.006)
    assert np.abs(place[0, :, 1]).max() < 3e-3
    assert imagined.rotation[0, 0, 0, :, 0].abs().min() > np.cos(0.5 * 0.1)


@pytest.fixture(scope='module')
def engine():
    world = HullSimulator()
    yield world
    world.close()


@pytest.mark.parametrize(
    ('friction', 'height_m', 'least_rad', 'most_rad'),  # that the engine turns it by
    [
        (0.25, 0.012, 0.1, 0.3),  # it leans on the fingers, which are wider further up
        (0.5, 0.03, 0.1, 0.3),
        (0.25, 0.06, 0.0, 0.1),  # it slides
        (0.5, 0.06, 1.4, 1.7),  # it tips over
    ],
)
def test_what_is_tall_slides_leans_or_tips_as_in_the_engine(
    network, engine, friction, height_m, least_rad, most_rad
):
    points = CUBE * np.float32([1, 1, 2])
    tall = replace(cube((0.5, 0.0, 0.04), friction=friction), points_m=points)
    start = (0.5 - 0.02 - 0.0105 - 0.01, 0.0, height_m)
    push = motion(start, (0.15, 0.0, 0.0))
    body = nominal_body(points.astype(float), tall.T_world_object, np.zeros(6), held=False)
    body = replace(body, properties=replace(body.properties, friction=friction))
    end = simulate_paths(engine.cell, engine.place_alone(body), [push])[0, -1]
    turned_rad = np.arctan2(end[0, 2], end[2, 2])
    assert least_rad < turned_rad < most_rad
    place, imagined = futures(network, observed(tall, hand=hand_at(start)), push)
    w, _, y, _ = imagined.rotation[0, 0, 0, -1]
    assert 2.0 * np.arctan2(y, w) == pytest.approx(turned_rad, abs=0.06)
    assert place[0, -1, 0] == pytest.approx(end[0, 3], abs=0.02)


@pytest.mark.parametrize(('aside', 'held'), [(0.0, True), (0.016, False)])
def test_a_finger_that_would_come_down_on_a_cube_does_not_grasp_it(network, aside, held):
    at, width = (0.5, aside, 0.02), 0.056  # 8 mm to spare on either side
    rest = observed(cube(), hand=hand_at((0.5, aside, 0.08), width=width))
    _, imagined = futures(network, rest, reaching(at, width))
    assert (imagined.held[0, 0, 0, -1] > 0.9) == held
    assert (imagined.held[0, 0, 0, -1] < 0.5) != held
