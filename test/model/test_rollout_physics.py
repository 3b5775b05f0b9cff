"""The computed physics, with the network's own corrections at their zero start."""

import numpy as np
import pytest
import torch
from watched_scenes import cube, hand_at, motion, watched

from world_model_node.model.belief import Watched
from world_model_node.model.hidden_state import GATES
from world_model_node.model.involved import Involved, involved
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.window import make_action, make_window

G = 9.81


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    network = WorldNetwork(ModelConfig())
    with torch.no_grad():  # the tracker's twist as it is
        bias = network.belief.hidden_state.head.bias
        bias[-GATES:] = torch.tensor([-20.0] * 6 + [0.0, 0.0, -20.0])
    return network


def futures(network, instants, action=None, hand=None):
    """Positions (n, H, 3) in the world frame, and what was imagined."""
    framed = make_window(instants, len(instants[-1].objects))
    window = Watched(*(torch.from_numpy(np.asarray(a))[None] for a in framed.window))
    rows = torch.from_numpy(make_action(action, hand, framed.T_world_frame))[None, None]
    n = len(framed.ids)
    noise = torch.zeros(1, 1, n, network.noise_size)
    parts = Involved(hand=action is not None or hand is not None)
    with torch.no_grad():
        imagined, _ = network.imagine(network.update(window), window, rows, noise, parts)
    T = framed.T_world_frame
    return imagined.position[0, 0].numpy() @ T[:3, :3].T + T[:3, 3], imagined


def test_a_sliding_cube_stops_where_coulomb_says(network):
    place, _ = futures(network, watched(cube(velocity=(0.6, 0.0, 0.0), friction=0.4)))
    expected = 0.6**2 / (2 * 0.4 * G)
    assert place[0, -1, 0] - 0.5 == pytest.approx(expected, rel=0.15)


def test_a_falling_cube_falls_freely_and_not_through_the_table(network):
    place, _ = futures(network, watched(cube(at=(0.5, 0.0, 0.3)), frames=1))
    assert place[0, 3, 2] == pytest.approx(0.3 - 0.5 * G * 0.2**2, abs=0.005)
    assert place[0, :, 2].min() > 0.012
    assert place[0, -1, 2] < 0.05


def test_nothing_moves_that_nothing_touches(network):
    rest = watched(cube(), hand=hand_at((0.3, 0.2, 0.2)))
    place, _ = futures(network, rest, motion((0.3, 0.2, 0.2), (0.1, 0.0, 0.0)))
    assert np.abs(place[0] - [0.5, 0.0, 0.02]).max() < 2e-3


def test_a_pushed_cube_goes_ahead_of_the_fingers(network):
    start = (0.5 - 0.02 - 0.0105 - 0.01, 0.0, 0.02)
    rest = watched(cube(), hand=hand_at(start))
    place, _ = futures(network, rest, motion(start, (0.15, 0.0, 0.0)))
    assert place[0, -1, 0] == pytest.approx(0.64, abs=0.006)
    assert abs(place[0, -1, 1]) < 0.01


@pytest.mark.parametrize(('force', 'follows'), [(20.0, True), (0.2, False)])
def test_a_held_cube_follows_the_hand_as_far_as_friction_goes(network, force, follows):
    hand = hand_at((0.5, 0.0, 0.02), width=0.04, force=force)
    held = watched(cube(held=True), hand=hand)
    lift = motion((0.5, 0.0, 0.02), (0.0, 0.0, 0.15), force=force)
    place, imagined = futures(network, held, lift)
    assert (place[0, -1, 2] > 0.16) == follows
    assert (place[0, -1, 2] < 0.04) != follows
    assert imagined.slip[0, 0, 0].max() < 0.05 or not follows


def test_one_cube_that_hits_another_gives_its_momentum_on(network):
    runner = cube(at=(0.40, 0.0, 0.02), velocity=(0.9, 0.0, 0.0), object_id=1, friction=0.15)
    struck = cube(at=(0.50, 0.0, 0.02), object_id=2, friction=0.15)
    place, _ = futures(network, watched(runner, struck))
    assert place[1, -1, 0] > 0.53
    assert (place[1, :, 0] - place[0, :, 0]).min() > 0.034


def test_what_cannot_touch_is_left_out_and_changes_nothing(network):
    apart = watched(cube(at=(0.4, 0.0, 0.02), object_id=1), cube(at=(0.7, 0.1, 0.02), object_id=2))
    window = make_window(apart, 2).window
    away = make_action(motion((0.4, -0.4, 0.3), (0.0, 0.0, 0.0)), None, np.eye(4))[None]
    assert involved(window, away, hand_there=True) == (False, False)
    runner = cube(at=(0.4, 0.0, 0.02), velocity=(0.8, 0.0, 0.0), object_id=1)
    struck = cube(at=(0.55, 0.0, 0.02), object_id=2)
    window = make_window(watched(runner, struck), 2).window
    assert involved(window, away, hand_there=False) == (False, True)
