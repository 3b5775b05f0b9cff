"""Candidate motions tried in simulation: kept whole, and learned from as what-ifs."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sakiyomi.errors import BadInputError
from sakiyomi_cli.main import main
from sakiyomi_data.counterfactual.counterfactual_scene import (
    counterfactual_file,
    has_counterfactuals,
    read_counterfactuals,
    write_counterfactual,
)
from sakiyomi_training.grasp_success_training import grasp_features
from sakiyomi_training.world_model.examples.counterfactual_examples import counterfactual_examples
from sakiyomi_training.world_model.examples.example_set import read_examples
from world_model_node.model.dimensions import NUM_STEPS
from world_model_node.model.grasp_success.features import FEATURE_NAMES

CANDIDATES = 3


def collect(out, *more):
    given = ['collect', 'trials', '--objects', 'random_urdfs', '--scenes', '1']
    return main([*given, '--candidates', str(CANDIDATES), '--out', str(out), *more])


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp('trials') / 'data'
    assert collect(out) == 0
    return out


@pytest.fixture(scope='module')
def scene(folder):
    (scene,) = read_counterfactuals(folder)
    return scene


def test_motions_are_tried_once_and_kept(folder, capsys):
    (file,) = folder.glob('*.npz')
    kept = file.read_bytes()
    assert collect(folder) == 0
    assert file.read_bytes() == kept
    assert collect(folder, '--split', 'held_out') == 2
    assert 'was begun with split' in capsys.readouterr().err


def test_as_many_pushes_as_grasps_are_tried(scene):
    assert scene.grasps.sum() == (~scene.grasps).sum() == CANDIDATES
    assert grasp_features(scene).shape == (CANDIDATES, len(FEATURE_NAMES))


def test_every_motion_begins_from_the_same_instant_and_some_move_the_object(scene):
    np.testing.assert_array_equal(scene.T_world_true[:, 0], scene.T_world_true[[0] * 6, 0])
    moved = np.linalg.norm(scene.center_m[:, -1] - scene.center_m[:, 0], axis=1)
    assert moved.max() > 0.01


def test_an_example_leads_from_where_it_was_tracked_to_where_it_really_went(scene):
    examples, framed = counterfactual_examples(scene), scene.window
    assert len(examples) == 2 * CANDIDATES
    T_frame, tracked = framed.T_world_frame, scene.T_world_object[:3, :3]
    for example, T_true, center in zip(examples, scene.T_world_true, scene.center_m, strict=True):
        place = example['true_place'][scene.row] @ T_frame[:3, :3].T + T_frame[:3, 3]
        np.testing.assert_allclose(place, center, atol=1e-5)
        turn = Rotation.from_quat(example['true_turn'][scene.row], scalar_first=True).as_matrix()
        turned = T_frame[:3, :3] @ turn @ tracked.T
        expected = T_true[:, :3, :3] @ T_true[0, :3, :3].T
        np.testing.assert_allclose(turned, expected, atol=1e-5)
        assert example['true_on'].sum() == NUM_STEPS + 1
        assert not example['tracked_on'].any()
        assert not example['touched_on'].any()


def test_all_trials_are_learned_from_and_none_without_touch(folder):
    learned, _ = read_examples([folder])
    assert len(learned) == 2 * CANDIDATES
    with pytest.raises(BadInputError, match='expected touch: true'):
        read_examples([folder], touch=False)


def test_a_scene_in_which_nothing_was_tracked_is_passed_over(scene, tmp_path):
    write_counterfactual(counterfactual_file(tmp_path, 0), None)
    write_counterfactual(counterfactual_file(tmp_path, 1), scene)
    assert has_counterfactuals(tmp_path)
    (read,) = read_counterfactuals(tmp_path)
    np.testing.assert_array_equal(read.action, scene.action)
    assert read.window.ids == scene.window.ids
