"""From a scene to a whole plan, or to the reason why there is none."""

import numpy as np
import pytest
from grasp_scenes import box_surface, scene_of

from planner_node.config import PlannerConfig
from planner_node.core import PickPlanner, PickRequest
from planner_node.errors import PlanError
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import RobotState, Scene

SIZE = np.array([0.04, 0.08, 0.06])


@pytest.fixture(scope='module')
def planner():
    return PickPlanner(PlannerConfig(), RobotModel(compose()))


def state(planner):
    return RobotState(0.0, planner.robot.q_home, np.zeros(7), 0.08, np.zeros(2))


def plan(planner, x_m, request=None):
    scene = scene_of(box_surface(np.array([x_m, 0.0, 0.03]), SIZE))
    return planner.plan(scene, state(planner), request or PickRequest())


def test_the_motions_of_a_plan_join_up(planner):
    p = plan(planner, 0.5)
    np.testing.assert_allclose(p['reach'].q[0], planner.robot.q_home, atol=1e-6)
    for before, after in (
        (p['reach'], p['approach']),
        (p['approach'], p['lift']),
        (p['lift'], p['carry']),
        (p['carry'], p['leave']),
        (p['leave'], p['retreat']),
        (p['lift'], p['abort']),
    ):
        np.testing.assert_allclose(before.q[-1], after.q[0], atol=1e-3)
    np.testing.assert_allclose(p['retreat'].q[-1], planner.robot.q_home, atol=1e-3)


def test_an_object_out_of_reach_is_said_to_be_unreachable(planner):
    with pytest.raises(PlanError) as caught:
        plan(planner, 1.4)
    assert caught.value.outcome == 'unreachable'


def test_an_id_that_is_not_tracked_is_no_target(planner):
    with pytest.raises(PlanError, match='asked for object 77, tracked are: 1'):
        plan(planner, 0.5, PickRequest(target='id', object_id=77))


def test_a_held_object_that_the_world_model_has_lost_is_carried_on_to_its_place(planner):
    before = plan(planner, 0.5)
    q_lift = before['lift'].q[-1]
    held = RobotState(1.0, q_lift, np.zeros(7), 0.04, np.full(2, 5.0))
    onward = planner.plan_with_held_object(
        Scene(1.0, (), np.zeros((0, 3))), held, before, PickRequest()
    )
    np.testing.assert_allclose(onward['carry'].q[-1], before['carry'].q[-1], atol=0.05)
    rise_m = onward.target.T_world_object[2, 3] - before.target.T_world_object[2, 3]
    assert rise_m == pytest.approx(planner.config.execution.lift_m, abs=2e-3)
