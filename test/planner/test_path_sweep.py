"""What has come into the way of a motion is met in thought before the arm meets it."""

import numpy as np
import pytest
from pick_plans import ROBOT, motion
from stand_in_robot import Q_HOME

from planner_node.config import SupervisorConfig
from planner_node.execution.path_sweep import PathSweep
from planner_node.motion.planner import MotionPlanner
from sakiyomi.scene import Scene

NOTHING = np.zeros((0, 3))


@pytest.fixture(scope='module')
def sweep():
    return PathSweep(MotionPlanner(ROBOT), SupervisorConfig())


TRAJECTORY = motion(0.0, 0.5, 2.0)


def scene_with(points_m):
    return Scene(0.0, (), np.asarray(points_m, np.float32).reshape(-1, 3))


def lump_at_the_end():
    """Points around where the hand is going to be."""
    at = ROBOT.grasp_pose(TRAJECTORY.q[-1])[:3, 3]
    return at + np.random.default_rng(0).uniform(-0.03, 0.03, (400, 3))


def time_to_collision_s(sweep, points_m, ignored_m=NOTHING, ahead_s=2.0):
    return sweep.time_to_collision_s(
        scene_with(points_m), TRAJECTORY, 0.0, ahead_s, ignored_m, 0.08
    )


def test_an_empty_way_is_free(sweep):
    assert time_to_collision_s(sweep, NOTHING) is None


def test_a_lump_at_the_end_is_met_on_the_way_and_not_at_once(sweep):
    assert 0.2 < time_to_collision_s(sweep, lump_at_the_end()) <= 2.0


def test_what_lies_beyond_the_look_ahead_does_not_count(sweep):
    first_s = time_to_collision_s(sweep, lump_at_the_end())
    assert time_to_collision_s(sweep, lump_at_the_end(), ahead_s=first_s - 0.15) is None


def test_what_the_arm_meets_on_purpose_does_not_count(sweep):
    points = lump_at_the_end()
    assert time_to_collision_s(sweep, points, ignored_m=points) is None


def test_a_motion_led_from_elsewhere_begins_there_and_ends_as_before():
    q = Q_HOME + 0.05
    led = TRAJECTORY.blended_from(q)
    np.testing.assert_allclose(led.q[0], q)
    np.testing.assert_allclose(led.q[-1], TRAJECTORY.q[-1])
    np.testing.assert_allclose(led.dq[[0, -1]], 0.0, atol=1e-12)
    numeric = np.gradient(led.q, led.times_s, axis=0)
    np.testing.assert_allclose(led.dq[2:-2], numeric[2:-2], atol=2e-3)
