import numpy as np
import pytest

from sakiyomi_training.segmentation.scoring import MIN_VOXELS, InstanceScore, score
from world_model_node.segmentation.grouping import average_linkage, merge_fragments, remove_clutter
from world_model_node.segmentation.segmentation_config import GroupingConfig


def blocks(sizes, sure=4.0):
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return np.where(owner[:, None] == owner[None], sure, -sure), owner


def test_blocks_of_certain_pairs_are_the_groups():
    logits, owner = blocks([5, 1, 9, 3])
    labels = average_linkage(logits, 8.0)
    assert len(np.unique(labels)) == 4
    assert len(np.unique(np.stack([labels, owner]), axis=1).T) == 4


def test_a_few_wrong_pairs_do_not_join_two_objects():
    logits, owner = blocks([20, 20])
    logits[3, 25] = logits[25, 3] = logits[4, 30] = logits[30, 4] = 3.5
    assert np.array_equal(
        average_linkage(logits, 8.0) == average_linkage(logits, 8.0)[0], owner == 0
    )


def test_one_supervoxel_is_one_group():
    assert average_linkage(np.zeros((1, 1)), 8.0).tolist() == [0]


def test_a_fragment_merges_unless_its_log_odds_are_clearly_negative():
    logits, owner = blocks([9, 9, 1], sure=4.0)
    counts = np.full(19, 20)
    logits[18, :9] = logits[:9, 18] = -1.0
    joined = merge_fragments(owner, counts, logits, GroupingConfig())
    assert joined.tolist() == [0] * 9 + [1] * 9 + [0]
    logits[18, :9] = logits[:9, 18] = -3.0
    assert np.array_equal(merge_fragments(owner, counts, logits, GroupingConfig()), owner)


def test_a_group_of_clutter_is_removed_as_a_whole():
    labels = np.array([0, 0, 1, 1])
    assert remove_clutter(labels, np.array([3.0, -1.0, 1.0, -2.0])).tolist() == [0, 0, -1, -1]


TRUTH = np.repeat([0, 1, 2], 100)


def test_the_truth_scores_one_under_any_names():
    figures = score(np.array([7, 3, 5])[TRUTH], TRUTH).figures()
    assert figures == {'precision': 1.0, 'recall': 1.0, 'mean_iou': 1.0, 'objects': 3}


def test_everything_in_one_finds_nothing():
    assert score(np.zeros(300, int), TRUTH) == InstanceScore(found=1, true=3)


def test_half_an_object_is_not_found_and_a_little_more_is():
    labels = np.where(np.arange(300) % 100 < 50, TRUTH, TRUTH + 3)
    assert score(labels, TRUTH).matched == 0
    labels = np.where(np.arange(300) % 100 < 51, TRUTH, TRUTH + 3)
    assert score(labels, TRUTH).matched == 3


def test_an_object_that_is_hardly_seen_is_not_asked_for():
    truth = np.concatenate([TRUTH, np.full(MIN_VOXELS - 1, 3)])
    assert score(truth, truth) == InstanceScore(3, 3, 3, 3.0)


def test_scores_add_up():
    total = score(TRUTH, TRUTH) + score(np.zeros(300, int), TRUTH)
    assert total.figures()['recall'] == pytest.approx(0.5)
    assert total.figures()['precision'] == pytest.approx(3 / 4)


def test_nothing_found_is_no_error():
    assert score(np.full(300, -1), TRUTH).figures()['recall'] == 0.0
    assert score(np.zeros(0, int), np.zeros(0, int)).figures()['recall'] is None
