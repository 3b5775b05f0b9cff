import time

import numpy as np
import pytest

from planner_node.config import MotionConfig
from planner_node.motion import BoxObstacle, MotionError, MotionPlanner, PlanningScene
from planner_node.motion.time_parameterization import densify
from sakiyomi.geometry import make_transform, rotation_angle, transform_points

DOWN = np.diag([1.0, -1.0, -1.0])
EMPTY = PlanningScene()


@pytest.fixture(scope='module')
def planner(robot):
    return MotionPlanner(robot, MotionConfig())


def above(x, y, z):
    return make_transform(DOWN, [x, y, z])


def wall():
    """A scene with a wall across the table between y = 0.22 and 0.26, 0.45 m high."""
    axes = (np.arange(0.25, 0.75, 0.01), np.arange(0.22, 0.26, 0.01), np.arange(0.0, 0.45, 0.01))
    return PlanningScene(np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3))


def boxed(name, T_world_box, size_m):
    return PlanningScene(boxes=(BoxObstacle(name, T_world_box, size_m),))


def around_the_wall(planner):
    """A scene and the ends of a motion whose straight line is blocked."""
    scene = wall()
    q_start = planner.ik(scene, above(0.45, 0.0, 0.2))
    return scene, q_start, planner.ik(scene, above(0.45, 0.45, 0.2), q_start)


def check_limits(robot, trajectory, config):
    assert (trajectory.q >= robot.q_lower - 1e-6).all()
    assert (trajectory.q <= robot.q_upper + 1e-6).all()
    assert (np.abs(trajectory.dq) <= config.velocity_scale * robot.dq_max * 1.001).all()
    ddq = np.diff(trajectory.dq, axis=0) / np.diff(trajectory.times_s)[:, None]
    assert (np.abs(ddq) <= config.acceleration_scale * robot.ddq_max * 1.02).all()
    np.testing.assert_array_equal(trajectory.dq[[0, -1]], 0)


def check_free(planner, trajectory, scene=EMPTY):
    checker, fine = planner.checker(scene), densify(trajectory.q, 0.005)
    assert len(fine)
    assert all(checker.describe_collision(q) is None for q in fine)


def test_free_motion_is_the_straight_line_between_its_ends(robot, planner):
    q_goal = planner.ik(EMPTY, above(0.5, 0.1, 0.2))
    trajectory = planner.plan_to(EMPTY, robot.q_home, q_goal)
    check_limits(robot, trajectory, planner.config)
    check_free(planner, trajectory)
    np.testing.assert_allclose(trajectory.q[[0, -1]], [robot.q_home, q_goal], atol=1e-6)
    line = q_goal - robot.q_home
    share = (trajectory.q - robot.q_home) @ line / (line @ line)
    np.testing.assert_allclose(trajectory.q, robot.q_home + share[:, None] * line, atol=1e-6)


def test_motion_goes_around_a_wall(robot, planner):
    scene, q_start, q_goal = around_the_wall(planner)
    direct = densify(np.stack([q_start, q_goal]), 0.03)
    hits = planner.checker(scene).in_collision
    assert any(hits(q) for q in direct), 'or the problem would be trivial'
    trajectory = planner.plan_to(scene, q_start, q_goal)
    check_limits(robot, trajectory, planner.config)
    check_free(planner, trajectory, scene)
    np.testing.assert_allclose(trajectory.q[[0, -1]], [q_start, q_goal], atol=1e-6)


def test_the_same_seed_gives_the_same_motion(robot, planner):
    scene, q_start, q_goal = around_the_wall(planner)
    first = planner.plan_to(scene, q_start, q_goal)
    planner.plan_to(scene, q_goal, q_start)
    np.testing.assert_array_equal(planner.plan_to(scene, q_start, q_goal).q, first.q)
    fresh = MotionPlanner(robot, planner.config)
    np.testing.assert_array_equal(fresh.plan_to(wall(), q_start, q_goal).q, first.q)


def test_the_held_object_is_carried_around_too(robot, planner):
    scene, q_start, q_goal = around_the_wall(planner)
    stick = np.array(np.meshgrid([-0.01, 0.01], [-0.01, 0.01], [-0.01, 0.12])).reshape(3, -1).T
    scene = scene.holding(stick, 0.08)
    trajectory = planner.plan_to(scene, q_start, q_goal)
    check_free(planner, trajectory, scene)
    tips = robot.grasp_pose(trajectory.q)[:, :3] @ np.array([0, 0, 0.12, 1])
    over = (np.abs(tips[:, 1] - 0.24) < 0.015) & (np.abs(tips[:, 0] - 0.5) < 0.25)
    assert (tips[over, 2] > 0.44).all()


def test_a_goal_in_a_box_is_refused_with_what_hits_what(robot, planner):
    q_goal = planner.ik(EMPTY, above(0.5, 0.0, 0.15))
    scene = boxed('crate', above(0.5, 0, 0.2), (0.2,) * 3)
    with pytest.raises(MotionError, match=r'^goal in collision: \w+ with crate$'):
        planner.plan_to(scene, robot.q_home, q_goal)
    with pytest.raises(MotionError, match=r'^goal in collision: .* with crate$'):
        planner.ik(scene, above(0.5, 0.0, 0.15))


def test_a_pose_out_of_reach_is_refused(robot, planner):
    for attempt in (
        lambda: planner.ik(EMPTY, above(2.0, 0, 0.3)),
        lambda: planner.plan_linear(EMPTY, robot.q_home, above(2.0, 0, 0.3)),
    ):
        with pytest.raises(MotionError, match=r'^unreachable'):
            attempt()


def test_ends_outside_the_joint_limits_are_refused(robot, planner):
    with pytest.raises(MotionError, match='outside the joint limits: goal'):
        planner.plan_to(EMPTY, robot.q_home, robot.q_upper + 0.1)
    with pytest.raises(MotionError, match='outside the joint limits: start'):
        planner.plan_to(EMPTY, robot.q_lower - 0.1, robot.q_home)
    with pytest.raises(MotionError, match='outside the joint limits'):
        planner.plan_to(EMPTY, np.full(7, np.nan), robot.q_home)


def test_an_enclosed_goal_is_given_up_in_bounded_time(robot, planner):
    planner = MotionPlanner(robot, MotionConfig(planning_time_s=0.3))
    q_goal = planner.ik(EMPTY, above(0.5, 0.0, 0.2))
    hand = robot.grasp_pose(q_goal)[:3, 3] + [0, 0, 0.05]
    sides = [([0.16, 0, 0], (0.02, 0.34, 0.2)), ([-0.16, 0, 0], (0.02, 0.34, 0.2))]
    sides += [([0, 0.16, 0], (0.34, 0.02, 0.2)), ([0, -0.16, 0], (0.34, 0.02, 0.2))]
    sides += [([0, 0, -0.09], (0.34, 0.34, 0.01))]
    lids = [([x, 0, 0.105], (0.11, 0.34, 0.01)) for x in (-0.12, 0.12)]
    lids += [([0, y, 0.105], (0.14, 0.09, 0.01)) for y in (-0.125, 0.125)]
    boxes = [
        BoxObstacle(f'side{i}', make_transform(translation=hand + at), size)
        for i, (at, size) in enumerate(sides + lids)
    ]
    scene = PlanningScene(boxes=tuple(boxes))
    assert planner.checker(scene).describe_collision(q_goal) is None
    started = time.perf_counter()
    with pytest.raises(MotionError, match=r'^no path in 0\.3 s'):
        planner.plan_to(scene, robot.q_home, q_goal)
    assert time.perf_counter() - started < 2.0


def test_the_straight_line_is_straight_and_slow_enough(robot, planner):
    q_start = planner.ik(EMPTY, above(0.5, -0.1, 0.25))
    T_start = robot.grasp_pose(q_start)
    T_goal = above(0.5, -0.08, 0.1) @ make_transform(
        np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    )
    trajectory = planner.plan_linear(EMPTY, q_start, T_goal, 0.08)
    check_limits(robot, trajectory, planner.config)
    T = robot.grasp_pose(trajectory.q)
    line = T_goal[:3, 3] - T_start[:3, 3]
    share = (T[:, :3, 3] - T_start[:3, 3]) @ line / (line @ line)
    off = T[:, :3, 3] - (T_start[:3, 3] + share[:, None] * line)
    assert np.linalg.norm(off, axis=1).max() < 0.001
    assert (np.diff(share) > -1e-6).all()
    np.testing.assert_allclose(T[-1], T_goal, atol=1e-3)
    speed = np.linalg.norm(np.diff(T[:, :3, 3], axis=0), axis=1) / np.diff(trajectory.times_s)
    assert speed.max() <= 0.08 * 1.02
    # the turn is spread evenly over the line
    turn = rotation_angle(T_start[:3, :3].T @ T_goal[:3, :3])
    turned = [rotation_angle(T_start[:3, :3].T @ R) for R in T[:, :3, :3]]
    np.testing.assert_allclose(turned, share * turn, atol=0.02)


def test_a_line_into_an_obstacle_is_refused(planner):
    q_start = planner.ik(EMPTY, above(0.5, 0.0, 0.3))
    scene = boxed('crate', above(0.5, 0, 0.1), (0.1,) * 3)
    with pytest.raises(MotionError, match=r'^path in collision: .* with crate$'):
        planner.plan_linear(scene, q_start, above(0.5, 0.0, 0.12))
    planner.plan_linear(scene, q_start, above(0.5, 0.0, 0.12), check=False)


def test_a_held_object_may_leave_the_table_but_not_sink_into_it(robot, planner):
    q_start = planner.ik(EMPTY, above(0.5, 0.0, 0.03))
    cube = np.array(np.meshgrid(*3 * [[-0.035, 0.035]])).reshape(3, -1).T
    scene = EMPTY.holding(cube, 0.08)
    assert planner.checker(scene).describe_collision(q_start) == 'held object with table'
    lift = planner.plan_linear(scene, q_start, above(0.5, 0.0, 0.2))
    assert planner.checker(scene).describe_collision(lift.q[-1]) is None
    with pytest.raises(MotionError, match='path in collision: held object with table'):
        planner.plan_linear(scene, lift.q[-1], above(0.5, 0.0, 0.03))


def test_a_start_that_grazes_something_is_left(robot, planner):
    tip = robot.frame_pose('left_tactile_pad', robot.q_home)
    scene = PlanningScene(transform_points(tip, np.array([[0.012, 0.0, 0.0]])))
    checker = planner.checker(scene)
    assert checker.describe_collision(robot.q_home) is not None
    trajectory = planner.plan_to(scene, robot.q_home, planner.ik(scene, above(0.45, -0.1, 0.3)))
    hits = [checker.in_collision(q) for q in trajectory.q]
    assert not any(hits[len(hits) // 3 :])


def test_a_start_deep_in_something_is_refused(robot, planner):
    q_goal = planner.ik(EMPTY, above(0.5, -0.1, 0.3))
    hand = robot.frame_pose('panda_hand', robot.q_home)
    scene = boxed('crate', hand, (0.3, 0.3, 0.3))
    with pytest.raises(MotionError, match=r'^(start|goal) in collision: .* with crate$'):
        planner.plan_to(scene, robot.q_home, q_goal)


def test_going_nowhere_takes_no_time(robot, planner):
    assert planner.plan_to(EMPTY, robot.q_home, robot.q_home).duration_s == 0
    assert planner.plan_linear(EMPTY, robot.q_home, robot.grasp_pose(robot.q_home)).duration_s == 0
