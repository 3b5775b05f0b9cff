import numpy as np
import pytest
from grasp_scenes import box_surface, scene_of

from planner_node.config import GraspConfig, GraspModelConfig, PlannerConfig
from planner_node.errors import PlanError
from planner_node.grasping.analytic_grasp_model import AnalyticGraspModel
from planner_node.grasping.gripper import ParallelGripper
from planner_node.grasping.outcome_model import Outcome
from planner_node.grasping.proposer import GraspProposer
from planner_node.grasping.ranking import GraspRanker
from sakiyomi.geometry import inverse, transform_points
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_config import read_robot_config

HAND = read_robot_config().hand
NARROW = box_surface(np.array([0.5, 0.0, 0.03]), np.array([0.04, 0.12, 0.06]))
NEIGHBOUR = box_surface(np.array([0.5, 0.10, 0.04]), np.array([0.05, 0.05, 0.08]), seed=1)


def propose(*clouds):
    scene = scene_of(*clouds)
    return scene, GraspProposer(GraspConfig(), HAND).propose(scene, scene.objects[0])


def test_every_grasp_of_a_long_box_closes_on_its_narrow_side():
    _, grasps = propose(NARROW)
    level = [g for g in grasps if g.features.tilt_rad < 0.1 and min(g.features.alignment) > 0.95]
    assert level
    for grasp in level:
        assert abs(grasp.T_world_grasp[0, 1]) > 0.95
        assert grasp.features.width_m == pytest.approx(0.04, abs=0.008)


def test_no_grasp_puts_the_open_hand_into_the_cloud():
    scene, grasps = propose(NARROW, NEIGHBOUR)
    gripper = ParallelGripper(HAND)
    assert grasps
    for grasp in grasps:
        local = transform_points(inverse(grasp.T_world_grasp), scene.cloud_m)
        boxes = [*gripper.finger_boxes(grasp.opening_m), gripper.palm_box()]
        inside = sum(np.all((local > box.low) & (local < box.high), axis=1).sum() for box in boxes)
        assert inside <= GraspConfig().max_collision_points


def test_no_grasp_reaches_through_the_table():
    _, grasps = propose(NARROW)
    gripper = ParallelGripper(HAND)
    assert grasps
    for grasp in grasps:
        corners = gripper.tip_corners(np.array([grasp.opening_m]))[0]
        assert transform_points(grasp.T_world_grasp, corners)[:, 2].min() > 0.003


def ranker(outcomes=None):
    return GraspRanker(PlannerConfig(), outcomes or AnalyticGraspModel(GraspModelConfig()), HAND)


def test_an_object_wider_than_the_hand_has_no_grasp_that_is_expected_to_hold():
    wide = box_surface(np.array([0.5, 0, 0.05]), np.array([0.15, 0.15, 0.1]))
    with pytest.raises(PlanError, match='no collision-free grasp'):
        ranker().rank(scene_of(wide), PickRequest())


class Preference:
    """An outcome model that likes grasps the better the further they are along x."""

    def evaluate(self, scene, candidates, force_limit_n=0.0):
        x = [g.T_world_grasp[0, 3] for g in candidates]
        return [Outcome(0.5 + 0.4 * np.tanh(10 * (v - 0.5)), 7.0) for v in x]


def test_grasps_are_ranked_by_whatever_outcome_model_is_asked():
    ranked = ranker(Preference()).rank(scene_of(NARROW), PickRequest())
    x = [g.T_world_grasp[0, 3] for g in ranked]
    assert len(x) > 5 and x == sorted(x, reverse=True)
    assert all(g.force_n == 7.0 for g in ranked)


def test_too_few_points_give_no_grasp():
    _, grasps = propose(NARROW[:5])
    assert grasps == []


def test_equal_scenes_give_equal_grasps():
    _, first = propose(NARROW, NEIGHBOUR)
    _, second = propose(NARROW, NEIGHBOUR)
    assert len(first) == len(second) > 0
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.T_world_grasp, b.T_world_grasp)
