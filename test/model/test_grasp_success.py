"""Fingers that come down on a tracked surface and close: what they find and will hold."""

import logging
import shutil

import numpy as np
import pytest
from observed_scenes import CUBE, DOWN, cube, hand_at, observed, reaching, scene_of

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform
from sakiyomi.paths import share_dir
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi.scene import HandMotion, Prediction
from sakiyomi_cli.main import main
from sakiyomi_data.counterfactual.counterfactual_scene import (
    CounterfactualScene,
    counterfactual_file,
    read_counterfactuals,
    write_counterfactual,
)
from sakiyomi_training.grasp_success_training import HELD_M, grasp_features
from world_model_node.config import PredictionConfig
from world_model_node.inference.learned_dynamics import make_dynamics
from world_model_node.model.dimensions import NUM_STEPS
from world_model_node.model.features.hand_features import encode_action
from world_model_node.model.features.input_window import build_window
from world_model_node.model.grasp_success.apply_grasp_success import apply_grasp_success
from world_model_node.model.grasp_success.classifier import WEIGHTS, load_grasp_success
from world_model_node.model.grasp_success.features import (
    FEATURE_NAMES,
    AttemptFeatureConfig,
    attempt_features,
)
from world_model_node.model.grasp_success.grasp_attempt import closed_fraction, find_grasp_attempt

HAND = read_robot_config().hand

AT = (0.5, 0.0, 0.02)  # the cube's middle
STAMPS_S = 0.05 * np.arange(1, 21)


@pytest.fixture(scope='module')
def classifier():
    return load_grasp_success(share_dir('models'))


def found(shift=(0.0, 0.0, 0.0), width_m=0.07, points=CUBE, force_n=20.0):
    state = cube(at=AT)
    attempt = find_grasp_attempt(reaching(np.add(AT, shift), width_m, force_n))
    values = attempt_features(
        attempt,
        points + np.array(AT),
        np.array(AT),
        state.properties,
        HAND.trained,
        AttemptFeatureConfig(),
    )
    return dict(zip(FEATURE_NAMES, values, strict=True))


def imagined(held=0.5):
    n = len(STAMPS_S)
    poses = np.tile(make_transform(None, np.array(AT)), (n, 1, 1))
    tight, still = np.tile(1e-6 * np.eye(6), (n, 1, 1)), np.zeros((n, 6))
    likely = np.where(STAMPS_S < 0.21, 0.0, held)
    return Prediction(7, STAMPS_S, poses, tight, still, tight, likely, np.zeros(n))


def test_a_cube_between_the_pads_is_measured():
    values = found()
    assert values['width [cm]'] == pytest.approx(4.0, abs=0.01)
    assert values['narrower gap [cm]'] == pytest.approx(1.5, abs=0.01)
    assert values['points under the other'] == 0.0
    assert values['lowest [cm]'] == pytest.approx(2.0, abs=0.01)


def test_pads_that_meet_nothing_find_nothing():
    values = found(shift=(0.06, 0.0, 0.0))
    assert values['points between the pads'] == values['width [cm]'] == 0.0


@pytest.mark.parametrize('aside_m', [-0.02, 0.02])
def test_a_finger_that_would_come_down_on_the_surface_is_told(aside_m):
    values = found(shift=(0.0, aside_m, 0.0))
    assert values['points under the freer finger'] == 0.0
    assert values['points under the other'] > np.log1p(5)


def test_a_notch_lets_a_finger_in_where_the_hull_does_not():
    walls = np.vstack([CUBE + np.array([0.0, side, 0.0]) for side in (-0.1, 0.0, 0.1)])
    assert found(points=walls)['points under the other'] == 0.0


def test_a_hand_that_does_not_close_is_not_judged(classifier):
    still = make_transform(DOWN, np.array(AT))
    motion = HandMotion(np.array([0.0, 1.0]), np.stack([still, still]), np.array([0.03, 0.03]), 9)
    before = imagined()
    assert find_grasp_attempt(motion) is None
    assert apply_grasp_success(before, motion, cube(at=AT), 0.0, classifier) is before


def test_what_is_held_already_is_not_judged(classifier):
    before = imagined()
    assert (
        apply_grasp_success(before, reaching(AT, 0.07), cube(at=AT, held=True), 0.0, classifier)
        is before
    )


def test_the_share_that_is_closed_grows_from_open_to_shut_and_stays():
    motion = reaching(AT, 0.07)
    again = HandMotion(
        np.append(motion.times_s, 1.5),
        np.concatenate([motion.T_world_grasp, motion.T_world_grasp[-1:]]),
        np.append(motion.finger_width_m, 0.07),
        20.0,
    )
    share = closed_fraction(again, np.array([0.1, 0.2, 0.4, 0.6, 1.0, 1.5]))
    assert share == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0, 1.0], abs=1e-6)


def test_a_firm_grasp_of_the_middle_holds_and_one_beside_it_does_not(classifier):
    state = cube(at=AT)

    def likely(shift, force_n=20.0):
        return classifier.probability(
            find_grasp_attempt(reaching(np.add(AT, shift), 0.07, force_n)), state
        )

    assert likely((0.0, 0.0, 0.0)) > 0.6
    assert likely((0.05, 0.0, 0.0)) < 0.2
    assert likely((0.0, 0.025, 0.0)) < likely((0.0, 0.0, 0.0))


def test_the_hold_gives_way_to_what_the_surface_says_as_the_fingers_close(classifier):
    before, motion, state = imagined(held=0.1), reaching(AT, 0.07), cube(at=AT)
    after = apply_grasp_success(before, motion, state, 0.0, classifier)
    early = STAMPS_S < 0.21
    assert np.array_equal(after.held_probability[early], before.held_probability[early])
    assert np.array_equal(after.T_world_object[early], before.T_world_object[early])
    p = classifier.probability(find_grasp_attempt(motion), state)
    assert after.held_probability[-1] == pytest.approx(p)
    rise_m = after.T_world_object[-1, 2, 3] - before.T_world_object[-1, 2, 3]
    assert rise_m == pytest.approx((p - 0.1) * 0.05, abs=1e-4)
    assert (np.linalg.eigvalsh(after.pose_covariance) > 0.0).all()


def test_learned_dynamics_judge_the_hold_of_what_is_not_yet_held(classifier):
    dynamics, state = make_dynamics('learned', PredictionConfig(), HAND), cube(at=AT)
    observations = observed(state, hand=hand_at(np.add(AT, (0.0, 0.0, 0.06)), 0.07))
    for observation in observations:
        dynamics.observe(scene_of(observation), observation.hand)
    motion = reaching(AT, 0.07)
    (corrected,) = dynamics.roll_out(scene_of(observations[-1]), STAMPS_S, motion)
    dynamics.grasp_success = None
    (alone,) = dynamics.roll_out(scene_of(observations[-1]), STAMPS_S, motion)
    p = classifier.probability(find_grasp_attempt(motion), state)
    assert corrected.held_probability[-1] == pytest.approx(p)
    assert corrected.held_probability[-1] != pytest.approx(alone.held_probability[-1], abs=1e-3)


@pytest.mark.parametrize('harm', ['flip', 'cut', 'remove', 'no card'])
def test_harmed_weights_are_refused_in_one_line(harm, tmp_path):
    for name in (WEIGHTS, 'hold.json'):
        shutil.copyfile(share_dir('models') / name, tmp_path / name)
    path = tmp_path / WEIGHTS
    content = bytearray(path.read_bytes())
    if harm == 'flip':
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == 'cut':
        path.write_bytes(content[: len(content) // 2])
    elif harm == 'remove':
        path.unlink()
    else:
        (tmp_path / 'hold.json').unlink()
    with pytest.raises(BadInputError) as refused:
        load_grasp_success(tmp_path)
    assert '\n' not in str(refused.value)


def test_without_weights_the_network_alone_says_what_is_held_and_that_is_told(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(
        'world_model_node.inference.learned_dynamics.share_dir', lambda _: tmp_path
    )
    with caplog.at_level(logging.WARNING):
        dynamics = make_dynamics('learned', PredictionConfig(), HAND, share_dir('models'))
    assert dynamics.grasp_success is None
    assert dynamics.name.endswith('holds not judged')
    assert 'not judged by the surface' in caplog.text


def tried(index, rng):
    """Grasps of a cube that hold where the pads are over it, and a push that lifts nothing."""
    aside_m = [*rng.uniform(-0.05, 0.05, 30), 0.0]
    n, state = len(aside_m), cube(at=AT)
    framed = build_window(observed(state, hand=hand_at(np.add(AT, (0.0, 0.0, 0.06)), 0.07)), 1)
    motions = [reaching(np.add(AT, (x, 0.0, 0.0)), 0.07) for x in aside_m]
    attempts = [find_grasp_attempt(motion) for motion in motions]
    grasps = np.arange(n) < n - 1
    paths = np.tile(state.T_world_object, (n, NUM_STEPS + 1, 1, 1))
    paths[grasps & (np.abs(aside_m) < 0.02), -1, 2, 3] += 0.05
    return CounterfactualScene(
        name=np.array(f'cube_{index}'),
        points_m=(CUBE + np.array(AT)).astype(np.float32),
        T_world_object=state.T_world_object,
        mass_center_m=np.array(AT),
        mass_kg=np.array([0.2, 1e-3]),
        friction=np.array([0.5, 1e-2]),
        window=framed,
        row=np.array(0),
        action=np.stack([encode_action(motion, None, framed.T_world_frame) for motion in motions]),
        grasps=grasps,
        T_world_closing=np.stack([attempt.T_world_grasp for attempt in attempts]),
        opening_m=np.full(n, 0.07),
        force_n=np.full(n, 20.0),
        T_world_true=paths,
        center_m=paths[..., :3, 3],
        true_twist=np.zeros(6),
        true_hidden=np.array([0.2, 0.5, 0.2, 1e-3, 1e-3]),
        true_mass_center_m=np.add(AT, (0.001, 0.002, 0.003)),
    )


@pytest.fixture
def data(tmp_path):
    folder, rng = tmp_path / 'data', np.random.default_rng(0)
    folder.mkdir()
    for index in range(6):
        write_counterfactual(counterfactual_file(folder, index), tried(index, rng))
    return folder


def test_a_hold_network_is_learned_from_tries(data, tmp_path, capsys):
    out = tmp_path / 'model'
    assert main(['train', 'hold', '--data', str(data), '--out', str(out), '--steps', '300']) == 0
    network, (first, *_) = load_grasp_success(out), read_counterfactuals(data)
    said, held = network.probabilities(grasp_features(first)), first.lifted_m[:-1] > HELD_M
    assert said[held].mean() > said[~held].mean() + 0.7
    assert '"auc"' in capsys.readouterr().out


@pytest.mark.parametrize('harm', ['nothing', 'cut', 'few'])
def test_tries_that_cannot_be_learned_from_are_refused_in_one_line(harm, data, tmp_path, capsys):
    files = sorted(data.iterdir())
    if harm == 'cut':
        files[0].write_bytes(files[0].read_bytes()[:400])
    else:
        for file in files[0 if harm == 'nothing' else 3 :]:
            file.unlink()
    out = tmp_path / 'model'
    assert main(['train', 'hold', '--data', str(data), '--out', str(out)]) == 2
    assert capsys.readouterr().err.strip().count('\n') == 0
    assert not out.exists()
