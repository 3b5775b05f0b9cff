import numpy as np
import pytest

from sakiyomi_evaluation.perception.hota import (
    TrackingFrame,
    center_similarity,
    id_switches,
    match,
    score,
)


def frame(truths, tracks, similarity):
    return TrackingFrame(
        truths, tracks, np.array(similarity, float).reshape(len(truths), len(tracks))
    )


def test_perfect_tracking_scores_one():
    frames = [frame((0, 1), (7, 8), np.eye(2))] * 5
    result = score(frames)
    assert (result.hota, result.detection, result.association) == (1.0, 1.0, 1.0)
    assert result.id_switches == 0


def test_an_identity_that_changes_halfway_halves_the_association():
    # each of the two ids is right in half of the frames: A = 5 / (10 + 5 - 5) = 1/2, DetA = 1
    frames = [frame((0,), (1,), [[1.0]])] * 5 + [frame((0,), (2,), [[1.0]])] * 5
    result = score(frames)
    assert result.detection == pytest.approx(1.0)
    assert result.association == pytest.approx(0.5)
    assert result.hota == pytest.approx(np.sqrt(0.5))
    assert result.id_switches == 1


def test_a_missed_object_costs_detection_alone():
    # found in 6 of 10 frames: DetA = 6 / 10, A = 6 / (10 + 6 - 6)
    frames = [frame((0,), (1,), [[1.0]])] * 6 + [frame((0,), (), np.zeros((1, 0)))] * 4
    result = score(frames)
    assert result.detection == pytest.approx(0.6)
    assert result.association == pytest.approx(0.6)
    assert result.hota == pytest.approx(0.6)


def test_a_similarity_of_one_half_counts_up_to_its_own_threshold():
    # alpha 0.05 .. 0.5 are 10 of 19 thresholds
    result = score([frame((0,), (1,), [[0.5]])] * 4)
    assert result.hota == pytest.approx(10 / 19)


def test_a_ghost_costs_detection():
    frames = [frame((0,), (1, 2), [[1.0, 0.0]])] * 4
    assert score(frames).detection == pytest.approx(0.5)


def test_matching_favours_the_track_that_goes_along_all_the_time():
    steady, passing = [[0.7, 0.0]], [[0.7, 0.8]]
    frames = [frame((0,), (1, 2), steady)] * 9 + [frame((0,), (1, 2), passing)]
    assert match(frames)[-1][0][:2] == (0, 1)
    assert id_switches(match(frames)) == 0


def test_nothing_to_track_and_nothing_tracked_is_perfect():
    assert score([frame((), (), np.zeros((0, 0)))]).hota == 1.0


def test_similarity_falls_to_zero_at_five_centimetres():
    true = np.zeros((1, 3))
    tracked = np.array([[0.0, 0.0, 0.0], [0.025, 0.0, 0.0], [0.2, 0.0, 0.0]])
    np.testing.assert_allclose(center_similarity(true, tracked), [[1.0, 0.5, 0.0]])


def tracked_sequence(seed, truths, tracks, swaps):
    """A made-up sequence: each truth has its track, those of some frames are swapped."""
    rng = np.random.default_rng(seed)
    frames = []
    for k in range(60):
        here = np.flatnonzero(rng.random(truths) < 0.9)
        found = np.flatnonzero(rng.random(tracks) < 0.85)
        own = (np.arange(truths) + (k in swaps)) % tracks
        similarity = 0.3 * rng.random((len(here), len(found)))
        similarity[own[here][:, None] == found] = 0.4 + 0.6 * rng.random()
        frames.append(TrackingFrame(tuple(here.tolist()), tuple(found.tolist()), similarity))
    return frames


@pytest.mark.parametrize(
    ('sequence', 'expected'),
    [
        ((0, 3, 3, ()), (0.495631815111, 0.499487723638, 0.491894700081)),
        ((1, 5, 7, range(20, 40)), (0.302583297128, 0.395427638210, 0.232866410362)),
        ((2, 8, 4, range(0, 60, 7)), (0.303241458659, 0.292069203913, 0.315288042412)),
        ((3, 4, 9, (30, 31)), (0.353231812449, 0.268883513391, 0.466045084206)),
    ],
)
def test_scores_are_those_of_trackeval(sequence, expected):
    """The expected means of HOTA, DetA and AssA are TrackEval's, at its commit 12c8791."""
    result = score(tracked_sequence(*sequence))
    assert (result.hota, result.detection, result.association) == pytest.approx(expected, rel=1e-9)
