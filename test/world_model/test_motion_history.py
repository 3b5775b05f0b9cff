"""LiDAR points are outdated if their object has moved since."""

from dataclasses import dataclass

import numpy as np
import pytest

from sakiyomi.geometry import make_transform
from world_model_node.config import FusionConfig, TrackingConfig
from world_model_node.fusion.motion_history import MotionHistory

AT = np.float32([0.5, 0.0, 0.03])
POINTS = AT + np.random.default_rng(0).uniform(-0.02, 0.02, (200, 3)).astype(np.float32)
DOWN = np.diag([1.0, -1.0, -1.0])
CONFIG = FusionConfig()


@dataclass
class Standing:
    """A track that is at rest unless set otherwise."""

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
def test_older_points_are_outdated_only_near_a_hand_that_moves(places, expected):
    motion_history, track = MotionHistory(CONFIG, TrackingConfig()), Standing()
    for k, x in enumerate(places):
        motion_history.update([track], None if x is None else hand(x), 1.0 + 0.1 * k)
    assert is_outdated(motion_history, track, 1.05).all() == expected
    assert not is_outdated(motion_history, track, 1.1).any(), 'newer points are up to date'


def test_points_of_a_moving_object_are_outdated_until_the_object_rests():
    motion_history, track = (
        MotionHistory(CONFIG, TrackingConfig()),
        Standing(is_stationary=False, moves=True),
    )
    motion_history.update([track], None, 1.0)
    track.moves = False
    motion_history.update([track], None, 1.0 + 0.8 * CONFIG.motion_persists_s)
    assert is_outdated(motion_history, track, 1.01).all()
    track.is_stationary = True
    motion_history.update([track], None, 2.0)
    assert not is_outdated(motion_history, track, 1.5).any()


def test_points_of_a_slow_object_that_never_moved_fast_are_kept():
    motion_history, track = MotionHistory(CONFIG, TrackingConfig()), Standing(is_stationary=False)
    motion_history.update([track], None, 1.0)
    assert not is_outdated(motion_history, track, 0.9).any()


def test_far_points_and_ended_tracks_have_no_effect():
    motion_history, track = MotionHistory(CONFIG, TrackingConfig()), Standing(moves=True)
    motion_history.update([track], None, 1.0)
    assert not motion_history.is_outdated(
        POINTS + np.float32([0.2, 0, 0]), np.zeros(len(POINTS)), [track]
    ).any()
    motion_history.update([], None, 1.1)
    assert not is_outdated(motion_history, track, 0.9).any()
