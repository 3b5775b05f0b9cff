import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform, rotation_angle

DOWN = np.diag([1.0, -1.0, -1.0])


def reachable_poses(robot, count, seed=0):
    rng = np.random.default_rng(seed)
    return robot.grasp_pose(rng.uniform(robot.q_lower, robot.q_upper, (count, 7)))


def workspace_poses(count, seed=0):
    """Grasps from above, tilted by up to 0.5 rad, all over the workspace."""
    rng = np.random.default_rng(seed)
    poses = []
    for _ in range(count):
        yaw, tilt = rng.uniform(-np.pi / 2, np.pi / 2), rng.uniform(-0.5, 0.5)
        R = DOWN @ Rotation.from_euler('zx', [yaw, tilt]).as_matrix()
        poses.append(make_transform(R, rng.uniform([0.35, -0.15, 0.02], [0.65, 0.15, 0.2])))
    return np.array(poses)


def test_forward_of_inverse_is_the_identity(robot):
    solved = 0
    for T in reachable_poses(robot, 60):
        q = robot.inverse_kinematics(T, restarts=16)
        if q is None:
            continue
        solved += 1
        T_solved = robot.frame_pose('panda_grasptarget', q)
        assert np.linalg.norm(T_solved[:3, 3] - T[:3, 3]) < 1e-4
        assert rotation_angle(T_solved[:3, :3].T @ T[:3, :3]) < 1e-3
    assert solved >= 55, 'poses at the very limits may be missed, no others'


def test_every_solution_is_within_the_limits(robot):
    solved = robot.inverse_kinematics_many(reachable_poses(robot, 40))
    assert sum(len(solutions) > 0 for solutions in solved) > 30
    for solutions in solved:
        assert (solutions >= robot.q_lower).all() and (solutions <= robot.q_upper).all()


def test_all_of_the_workspace_is_reachable_from_above(robot):
    assert all(robot.inverse_kinematics(T) is not None for T in workspace_poses(100))


def test_solutions_come_nearest_to_the_seed_first_and_differ(robot):
    seed = robot.q_home + 0.2
    solutions = robot.inverse_kinematics_all(workspace_poses(1)[0], seed)
    assert len(solutions) > 1
    distance = np.linalg.norm(solutions - seed, axis=1)
    assert (np.diff(distance) >= 0).all()
    apart = np.abs(solutions[:, None] - solutions[None]).max(axis=2)
    assert (apart[~np.eye(len(solutions), dtype=bool)] > 0.05).all()


def test_the_seed_s_own_pose_gives_the_seed(robot):
    q = robot.q_home + 0.1
    np.testing.assert_allclose(robot.inverse_kinematics(robot.grasp_pose(q), q), q, atol=1e-9)


def test_the_answer_does_not_depend_on_chance(robot):
    poses = workspace_poses(5)
    first, second = (robot.inverse_kinematics_many(poses) for _ in range(2))
    assert all(len(solutions) for solutions in first)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_many_is_the_same_as_one_by_one(robot):
    poses = workspace_poses(5)
    solved = robot.inverse_kinematics_many(poses)
    assert all(len(solutions) for solutions in solved)
    for T, solutions in zip(poses, solved, strict=True):
        np.testing.assert_allclose(solutions, robot.inverse_kinematics_all(T), atol=1e-6)


@pytest.mark.parametrize('position', [[2.0, 0, 0.3], [0.5, 0, -1.5], [0, 0, 3.0]])
def test_out_of_reach_is_none(robot, position):
    assert robot.inverse_kinematics(make_transform(DOWN, position)) is None


def test_following_a_pose_close_by_stays_close(robot):
    T = robot.grasp_pose(robot.q_home)
    T[:3, 3] += [0.003, -0.002, -0.004]
    q = robot.solve_from_seed(T, robot.q_home)
    assert 0 < np.abs(q - robot.q_home).max() < 0.05
