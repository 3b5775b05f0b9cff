import numpy as np
import pytest

from planner_node.config import MotionConfig
from planner_node.motion.collision_model import CollisionModel
from planner_node.motion.planning_scene import BoxObstacle, PlanningScene
from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform, transform_points

NO_POINTS = np.empty((0, 3))


@pytest.fixture(scope='module')
def model(robot):
    return CollisionModel(robot, MotionConfig())


@pytest.fixture
def checker(model):
    """The checker of a scene with these obstacles on a table."""
    return lambda *scene, **rest: model.checker(PlanningScene(*scene, **rest))


def box_at(position, edge=0.04, name='box'):
    return BoxObstacle(name, make_transform(translation=position), (edge, edge, edge))


def random_q(robot, count):
    rng = np.random.default_rng(0)
    return rng.uniform(robot.q_lower, robot.q_upper, (count, 7))


def test_home_is_free(robot, checker):
    assert (
        not checker().in_collision(robot.q_home)
        and checker().colliding_pairs(robot.q_home) == frozenset()
    )


def test_fast_answer_agrees_with_the_full_one(robot, checker):
    rng = np.random.default_rng(0)
    free = checker(rng.uniform([0.3, -0.2, 0], [0.7, 0.2, 0.4], (2000, 3)))
    answers = [(free.in_collision(q), bool(free.colliding_pairs(q))) for q in random_q(robot, 300)]
    assert all(fast == full for fast, full in answers)
    assert 30 < sum(fast for fast, _ in answers) < 270


def test_a_box_at_a_link_is_hit_by_that_link(robot, checker):
    poses = robot.link_poses(robot.q_home)
    assert len(robot.links) > 1
    for link in robot.links[1:]:
        center = transform_points(poses[link.name], link.vertices_m.mean(axis=0)[None])[0]
        boxed = checker(boxes=(box_at(center, 0.01),))
        assert (link.name, 'box') in boxed.colliding_pairs(robot.q_home)


def test_a_point_at_the_fingertip_is_hit_and_one_clear_of_it_is_not(robot, checker):
    tip = robot.frame_pose('left_tactile_pad', robot.q_home)[:3, 3]
    assert any('scene' in pair for pair in checker(tip[None]).colliding_pairs(robot.q_home))
    assert not checker(tip[None] - [0, 0, 0.04]).in_collision(robot.q_home)


def test_what_lies_between_open_fingers_is_hit_when_they_close(robot, checker):
    point = robot.grasp_pose(robot.q_home)[None, :3, 3]
    assert not checker(point).in_collision(robot.q_home)
    assert checker(point, finger_width_m=0.0).in_collision(robot.q_home)


def test_the_table_is_where_it_is_said_to_be(robot, checker):
    height = robot.grasp_pose(robot.q_home)[2, 3]
    below = checker(table_height_m=height - 0.02)
    assert not any('table' in p and 'panda_hand' in p for p in below.colliding_pairs(robot.q_home))
    above = checker(table_height_m=height + 0.02)
    assert ('panda_leftfinger', 'table') in above.colliding_pairs(robot.q_home)
    assert not checker(table_height_m=None).in_collision(robot.q_home)


def test_the_bin_of_the_description_is_an_obstacle_but_its_inside_is_free(robot, checker):
    down = np.diag([1.0, -1.0, -1.0])
    into = robot.inverse_kinematics(make_transform(down, [0.15, 0.52, 0.10]))
    assert not any('bin' in pair for pair in checker().colliding_pairs(into))
    wall = robot.inverse_kinematics(make_transform(down, [0.305, 0.52, 0.08]))
    assert any('bin' in pair for pair in checker().colliding_pairs(wall))


def test_a_folded_arm_hits_itself(robot, checker):
    q = np.array([0, 0.5, 0, robot.q_lower[3], 0, 0.5, 0])
    assert ('panda_link1', 'panda_hand') in checker().colliding_pairs(q)


def test_what_is_held_collides_with_the_world_but_not_with_the_hand(robot, checker):
    cube = np.array(np.meshgrid(*3 * [[-0.03, 0.03]])).reshape(3, -1).T
    assert not checker(held_m=cube).in_collision(robot.q_home)
    below = robot.grasp_pose(robot.q_home)[:3, 3] - [0, 0, 0.04]
    boxes = (box_at(below),)
    assert checker(boxes=boxes, held_m=cube).colliding_pairs(robot.q_home) == {
        ('held object', 'box')
    }
    assert not checker(boxes=boxes).in_collision(robot.q_home)


def test_a_scene_keeps_its_answer_whatever_other_scenes_are_asked_about(robot, checker):
    tip = robot.frame_pose('left_tactile_pad', robot.q_home)[:3, 3]
    first = checker(tip[None])
    for height_m in np.linspace(-0.5, 0.0, 10):
        assert not checker(table_height_m=float(height_m)).in_collision(robot.q_home)
    assert first.in_collision(robot.q_home)


@pytest.mark.parametrize(
    'cloud', [np.zeros((4, 2)), np.zeros(3), np.array([[0.5, np.nan, 0.1]])], ids=str
)
def test_a_malformed_cloud_is_refused(checker, cloud):
    with pytest.raises(BadInputError, match=r'expected finite \(N, 3\) points'):
        checker(cloud)


@pytest.mark.parametrize('points', [np.zeros((1, 3)), np.eye(4)[:, :3] * [1, 1, 0]], ids=len)
def test_a_held_object_seen_as_flat_still_has_a_volume(robot, checker, points):
    held_m = 0.03 * points
    assert not checker(held_m=held_m).in_collision(robot.q_home)
    boxes = (box_at(robot.grasp_pose(robot.q_home)[:3, 3]),)
    assert ('held object', 'box') in checker(boxes=boxes, held_m=held_m).colliding_pairs(
        robot.q_home
    )


def test_holding_no_points_is_refused(checker):
    with pytest.raises(BadInputError, match='held object: got no points'):
        checker(held_m=NO_POINTS)


def test_a_box_without_volume_is_refused():
    with pytest.raises(BadInputError, match='box lid'):
        BoxObstacle('lid', np.eye(4), (0.3, 0.3, 0.0))
