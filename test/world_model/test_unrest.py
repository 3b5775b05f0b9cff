"""Which older sweeps no longer say where an object is."""

from dataclasses import dataclass

import numpy as np
import pytest

from sakiyomi.geometry import make_transform
from world_model_node.tracking.unrest import GOES_ON_S, Unrest

AT = np.float32([0.5, 0.0, 0.03])
POINTS = AT + np.random.default_rng(0).uniform(-0.02, 0.02, (200, 3)).astype(np.float32)
DOWN = np.diag([1.0, -1.0, -1.0])


@dataclass
class Standing:
    """What of a track counts here."""

    id: int = 1
    resting: bool = True
    moves: bool = False

    def moving(self):
        return self.moves

    def world_points(self):
        return POINTS


def hand(x):
    return make_transform(DOWN, np.array([x, 0.0, 0.03]))


def outdated(unrest, track, taken_s):
    return unrest.outdated(POINTS, np.full(len(POINTS), taken_s), [track])


@pytest.mark.parametrize(
    ('places', 'expected'),
    [((0.44, 0.45), True), ((0.45, 0.45), False), ((0.20, 0.25), False), ((None, None), False)],
)
def test_only_a_hand_that_moves_at_an_object_makes_older_sweeps_doubtful(places, expected):
    unrest, track = Unrest(), Standing()
    for k, x in enumerate(places):
        unrest.update([track], None if x is None else hand(x), 1.0 + 0.1 * k)
    assert outdated(unrest, track, 1.05).all() == expected
    assert not outdated(unrest, track, 1.1).any(), 'what was seen since is not'


def test_what_has_moved_is_in_unrest_until_it_rests():
    unrest, track = Unrest(), Standing(resting=False, moves=True)
    unrest.update([track], None, 1.0)
    track.moves = False
    unrest.update([track], None, 1.0 + 0.8 * GOES_ON_S)
    assert outdated(unrest, track, 1.01).all()
    track.resting = True
    unrest.update([track], None, 2.0)
    assert not outdated(unrest, track, 1.5).any()


def test_a_slow_object_that_never_moved_fast_keeps_its_sweeps():
    unrest, track = Unrest(), Standing(resting=False)
    unrest.update([track], None, 1.0)
    assert not outdated(unrest, track, 0.9).any()


def test_far_points_and_forgotten_tracks_do_not_matter():
    unrest, track = Unrest(), Standing(moves=True)
    unrest.update([track], None, 1.0)
    assert not unrest.outdated(
        POINTS + np.float32([0.2, 0, 0]), np.zeros(len(POINTS)), [track]
    ).any()
    unrest.update([], None, 1.1)
    assert not outdated(unrest, track, 0.9).any()
