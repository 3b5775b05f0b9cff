"""Which older sweeps no longer say where an object is."""

from dataclasses import dataclass

import numpy as np
import pytest

from sakiyomi.geometry import make_transform
from world_model_node.fusion.motion_history import MOTION_PERSISTS_S, MotionHistory

AT = np.float32([0.5, 0.0, 0.03])
POINTS = AT + np.random.default_rng(0).uniform(-0.02, 0.02, (200, 3)).astype(np.float32)
DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass
class Standing:
    """A track as the history reads it."""

    id: int = 1
    is_stationary: bool = True
    moves: bool = False

    def is_moving(self):
        return self.moves

    def world_points(self):
        return POINTS


def hand(x):
    return make_transform(DOWN, np.array([x, 0.0, 0.03]))


def is_outdated(motion_history, track, taken_s):
    return motion_history.is_outdated(POINTS, np.full(len(POINTS), taken_s), [track])


@pytest.mark.parametrize(
    ('places', 'expected'),
    [((0.44, 0.45), True), ((0.45, 0.45), False), ((0.20, 0.25), False), ((None, None), False)],
)
def test_only_a_hand_that_moves_at_an_object_makes_older_sweeps_doubtful(places, expected):
    motion_history, track = MotionHistory(), Standing()
    for k, x in enumerate(places):
        motion_history.update([track], None if x is None else hand(x), 1.0 + 0.1 * k)
    assert is_outdated(motion_history, track, 1.05).all() == expected
    assert not is_outdated(motion_history, track, 1.1).any(), 'what was seen since is not'


def test_a_moved_object_counts_as_moving_until_it_rests():
    motion_history, track = MotionHistory(), Standing(is_stationary=False, moves=True)
    motion_history.update([track], None, 1.0)
    track.moves = False
    motion_history.update([track], None, 1.0 + 0.8 * MOTION_PERSISTS_S)
    assert is_outdated(motion_history, track, 1.01).all()
    track.is_stationary = True
    motion_history.update([track], None, 2.0)
    assert not is_outdated(motion_history, track, 1.5).any()


def test_a_slow_object_that_never_moved_fast_keeps_its_sweeps():
    motion_history, track = MotionHistory(), Standing(is_stationary=False)
    motion_history.update([track], None, 1.0)
    assert not is_outdated(motion_history, track, 0.9).any()


def test_far_points_and_forgotten_tracks_do_not_matter():
    motion_history, track = MotionHistory(), Standing(moves=True)
    motion_history.update([track], None, 1.0)
    assert not motion_history.is_outdated(
        POINTS + np.float32([0.2, 0, 0]), np.zeros(len(POINTS)), [track]
    ).any()
    motion_history.update([], None, 1.1)
    assert not is_outdated(motion_history, track, 0.9).any()
