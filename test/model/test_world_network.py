"""What holds of the network whatever its weights, so they are random here."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from observed_scenes import cube, hand_at, motion, observed, scene_of, turned, yaw

from sakiyomi.robot.robot_config import read_robot_config
from world_model_node.config import PredictionConfig
from world_model_node.inference.learned_dynamics import LearnedDynamics
from world_model_node.inference.torch_engine import TorchEngine
from world_model_node.model.features.input_window import build_window
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network import WorldNetwork
from world_model_node.model.weights import save_model

HAND = read_robot_config().hand

STAMPS_S = 0.05 * np.arange(1, 21)


def shaken(scale):
    """A network of random weights, the zero-initialised layers too."""
    torch.manual_seed(3)
    network = WorldNetwork(ModelConfig(samples=4), HAND.trained)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += scale * torch.randn_like(parameter)
    return network


@pytest.fixture(scope='module')
def engine(tmp_path_factory):
    folder = tmp_path_factory.mktemp('random')
    save_model(shaken(0.03), folder, {})
    return TorchEngine(folder)


def predicted(engine, observations, action=None):
    dynamics = LearnedDynamics(engine, PredictionConfig(), HAND)
    for observation in observations:
        dynamics.observe(scene_of(observation), observation.hand)
    return dynamics, dynamics.roll_out(scene_of(observations[-1]), STAMPS_S, action)


def test_the_order_of_objects_does_not_matter(engine):
    a, b = cube(object_id=1, velocity=(0.4, 0.1, 0.0)), cube(at=(0.62, 0.01, 0.02), object_id=2)
    _, (first, second) = predicted(engine, observed(a, b))
    _, (second_swapped, first_swapped) = predicted(engine, observed(b, a))
    np.testing.assert_allclose(first.T_world_object, first_swapped.T_world_object, atol=2e-4)
    np.testing.assert_allclose(second.T_world_object, second_swapped.T_world_object, atol=2e-4)


def test_predictions_turn_and_move_with_the_world(engine):
    # of a cube's corners several reach equally far, and which is taken is a matter of rounding
    odd = np.random.default_rng(0).uniform(-0.02, 0.02, (60, 3)).astype(np.float32)
    state, T = cube(velocity=(0.5, 0.2, 0.0)), yaw(1.1, (0.05, -0.2, 0.0))
    state = replace(state, points_m=odd)
    _, (plain,) = predicted(engine, observed(state))
    _, (moved,) = predicted(engine, observed(turned(state, T)))
    np.testing.assert_allclose(moved.T_world_object, T @ plain.T_world_object, atol=1e-3)


def test_what_is_masked_is_not_looked_at(engine):
    window = build_window(observed(cube(), hand=hand_at((0.4, 0.0, 0.1))), 1).window
    for mask, content in (('touch_on', 'touch'), ('hand_on', 'hand'), ('shape_on', 'outline')):
        off = window._replace(**{mask: np.zeros_like(getattr(window, mask))})
        spoilt = off._replace(**{content: np.full_like(getattr(window, content), np.nan)})
        if content == 'hand':  # the attention sees the newest hand beside its flag
            spoilt = off._replace(hand=off.hand + 0.0)
        results = engine.update(off), engine.update(spoilt)
        assert len(results[0]) > 0
        for clean, other in zip(*results, strict=True):
            assert np.isfinite(clean).all()
            np.testing.assert_array_equal(clean, other)


def test_a_scene_of_nan_is_dropped(engine):
    bad = cube()
    bad.T_world_object[0, 3] = np.nan
    good = cube(at=(0.6, 0.1, 0.02), object_id=8)
    dynamics = LearnedDynamics(engine, PredictionConfig(), HAND)
    observations = observed(good)
    for observation in observations[:-1]:
        dynamics.observe(scene_of(observation), None)
    newest = scene_of(observations[-1])
    dynamics.observe(newest.__class__(0.0, (bad, good), newest.cloud_m), None)
    assert set(dynamics.beliefs()) == {8}
    (prediction,) = dynamics.roll_out(newest, STAMPS_S, None)
    assert np.isfinite(prediction.T_world_object).all()


def test_covariances_are_positive_and_probabilities_are(engine):
    state = cube(velocity=(0.3, 0.0, 0.0))
    _, (p,) = predicted(engine, observed(state), motion((0.4, 0.0, 0.02), (0.2, 0.0, 0.0)))
    assert np.linalg.eigvalsh(p.pose_covariance).min() > 0.0
    for share in (p.held_probability, p.slip_probability):
        assert ((share >= 0.0) & (share <= 1.0)).all()


def test_objects_beyond_its_room_are_predicted_too(engine):
    states = [
        cube(at=(0.35 + 0.1 * (i % 4), -0.1 + 0.1 * (i // 4), 0.02), object_id=i)
        for i in range(10)
    ]
    _, predictions = predicted(engine, observed(*states, frames=2))
    assert [p.object_id for p in predictions] == list(range(10))


def test_what_was_not_expected_surprises(engine):
    observations = observed(cube())
    dynamics, _ = predicted(engine, observations)
    usual, odd = cube(), cube(at=(0.8, 0.0, 0.02))
    dynamics.roll_out(scene_of(observations[-1]), STAMPS_S, None)
    for state, low, high in ((usual, 0.0, 3.0), (odd, 3.0, np.inf)):
        later = scene_of(observed(state)[-1])
        later = later.__class__(
            0.1, (state.__class__(**{**vars(state), 'stamp_s': 0.1}),), later.cloud_m
        )
        assert low <= dynamics._compute_surprise(later.objects[0]) <= high


def test_actions_imagined_together_are_those_imagined_one_by_one(engine, monkeypatch):
    # so that there are batches
    monkeypatch.setattr('world_model_node.inference.learned_dynamics.MAX_BATCH_ACTIONS', 2)
    at = (0.44, 0.0, 0.02)
    observations = observed(cube(), cube(at=(0.6, 0.1, 0.02), object_id=8), hand=hand_at(at))
    dynamics, _ = predicted(engine, observations)
    scene = scene_of(observations[-1])
    actions = [motion(at, (0.2, 0.02, 0.0)), None, motion(at, (0.0, 0.0, 0.1))]
    together = dynamics.roll_out_batch(scene, STAMPS_S, actions)
    ends = np.array([[p.T_world_object[-1, :3, 3] for p in outcome] for outcome in together])
    assert np.linalg.norm(ends[0, 0] - ends[1, 0]) > 0.05  # the first pushes
    for action, outcome in zip(actions, together, strict=True):
        for one, of_all in zip(dynamics.roll_out(scene, STAMPS_S, action), outcome, strict=True):
            np.testing.assert_allclose(of_all.T_world_object, one.T_world_object, atol=1e-3)
