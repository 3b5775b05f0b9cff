import numpy as np
import pytest

from planner_node.motion.time_parameterization import JointLimits, densify, parameterize_path

LIMITS = JointLimits(dq_max=np.full(7, 1.5), ddq_max=np.full(7, 5.0))


def random_path(corners, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(0, 0.4, (corners, 7)), axis=0)


def accelerations(trajectory):
    return np.diff(trajectory.dq, axis=0) / np.diff(trajectory.times_s)[:, None]


@pytest.mark.parametrize('corners', [2, 3, 8])
def test_speeds_and_accelerations_stay_within_the_limits(corners):
    trajectory = parameterize_path(densify(random_path(corners), 0.15), LIMITS, 0.005)
    assert np.abs(trajectory.dq).max() <= 1.5 * 1.001
    assert np.abs(accelerations(trajectory)).max() <= 5.0 * 1.001


@pytest.mark.parametrize('corners', [2, 8])
def test_motion_starts_and_ends_at_rest_on_its_ends(corners):
    path = random_path(corners)
    trajectory = parameterize_path(path, LIMITS, 0.02)
    np.testing.assert_allclose(trajectory.q[[0, -1]], path[[0, -1]], atol=1e-6)
    np.testing.assert_array_equal(trajectory.dq[[0, -1]], 0)
    assert trajectory.times_s[0] == 0 and (np.diff(trajectory.times_s) > 0).all()
    assert np.diff(trajectory.times_s).max() <= 0.02 + 1e-9


def test_a_straight_line_takes_no_longer_than_bang_bang():
    """Distance d at speed v and acceleration a: d / v + v / a where the speed is reached."""
    d, v, a = 2.0, 1.5, 5.0
    line = np.stack([np.zeros(7), np.full(7, d)])
    assert parameterize_path(line, LIMITS, 0.02).duration_s == pytest.approx(
        d / v + v / a, rel=0.03
    )


def test_speeds_are_the_slope_of_the_positions():
    trajectory = parameterize_path(densify(random_path(4), 0.15), LIMITS, 0.001)
    slope = np.gradient(trajectory.q, trajectory.times_s, axis=0)
    np.testing.assert_allclose(trajectory.dq[2:-2], slope[2:-2], atol=0.02)


def test_the_hand_s_speed_bounds_the_motion_too():
    line = np.stack([np.zeros(7), np.full(7, 0.5)])
    slow = parameterize_path(line, LIMITS, 0.02, np.array([0.0, 0.3]), speed_mps=0.1)
    assert slow.duration_s >= 0.3 / 0.1
    assert slow.q.shape[1] == 7


def test_no_distance_takes_no_time():
    trajectory = parameterize_path(np.zeros((3, 7)), LIMITS, 0.02)
    assert trajectory.duration_s == 0 and len(trajectory.q) == 1


def test_densify_keeps_corners_and_bounds_the_gaps():
    path = random_path(5)
    dense = densify(path, 0.05)
    assert np.abs(np.diff(dense, axis=0)).max() <= 0.05 + 1e-12
    for corner in path:
        assert np.abs(dense - corner).max(axis=1).min() < 1e-12
