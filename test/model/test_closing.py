"""Fingers that come down on a tracked surface and close."""

import numpy as np
import pytest
from watched_scenes import CUBE, DOWN

from sakiyomi.geometry import make_transform
from sakiyomi.scene import HandMotion
from world_model_node.closing import finds_hold


def grasp(at=(0.0, 0.0, 0.01), open_m=0.07, shut_m=0.03):
    pose = make_transform(DOWN, np.array(at))
    return HandMotion(np.array([0.0, 0.5]), np.stack([pose, pose]), np.array([open_m, shut_m]), 10)


def test_a_cube_between_the_pads_can_be_held():
    assert finds_hold(grasp(), CUBE) > 0.9


def test_pads_that_meet_nothing_hold_nothing():
    assert finds_hold(grasp(at=(0.06, 0.0, 0.01)), CUBE) == 0.0


@pytest.mark.parametrize('aside_m', [-0.02, 0.02])
def test_a_finger_that_would_come_down_on_the_surface_does_not_get_there(aside_m):
    assert finds_hold(grasp(at=(0.0, aside_m, 0.01)), CUBE) < 0.3


def test_a_notch_lets_a_finger_in_where_the_hull_does_not():
    walls = np.vstack([CUBE + np.array([0.0, side, 0.0]) for side in (-0.1, 0.0, 0.1)])
    assert finds_hold(grasp(), walls) > 0.9


def test_a_hand_that_does_not_close_is_not_judged():
    assert finds_hold(grasp(open_m=0.03, shut_m=0.03), CUBE) == 1.0
