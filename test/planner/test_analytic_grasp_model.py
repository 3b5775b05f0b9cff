from dataclasses import replace

import numpy as np
import pytest
from grasp_scenes import GOOD, PROPERTIES, box_surface, tracked

from planner_node.config import GraspModelConfig
from planner_node.grasping.analytic_grasp_model import AnalyticGraspModel
from planner_node.grasping.grasp import Grasp
from sakiyomi.scene import Gaussian, Scene


def holding(properties):
    """A scene with one object of these properties."""
    seen = tracked(1, box_surface(np.zeros(3), np.full(3, 0.04), 50))
    return Scene(0.0, (replace(seen, properties=properties),), np.zeros((0, 3)))


def success(properties=PROPERTIES, force_n=20.0, **changes):
    grasp = Grasp(1, np.eye(4), 0.07, replace(GOOD, **changes))
    scene = holding(properties)
    (outcome,) = AnalyticGraspModel(GraspModelConfig()).evaluate(scene, [grasp], force_n)
    assert outcome.force_n == force_n
    return outcome.success_probability


def test_a_good_grasp_is_expected_to_hold():
    assert success() > 0.9


@pytest.mark.parametrize(
    'worse',
    [
        {'alignment': (1.0, 0.7)},
        {'clearance_m': 0.001},
        {'foreign_points': 20},
        {'near_collision_points': 10},
        {'finger_overlap_m': 0.004},
        {'contact_points': (30, 0)},
    ],
)
def test_each_fault_lowers_the_predicted_success(worse):
    assert success(**worse) < success() - 0.002


def test_a_heavier_object_is_never_easier():
    chances = [
        success(replace(PROPERTIES, mass_kg=Gaussian(m, 0.0)), force_n=5.0)
        for m in (0.1, 0.5, 1.0, 2.0)
    ]
    assert chances == sorted(chances, reverse=True)
    assert chances[-1] < 0.5


def test_more_force_is_never_worse_for_holding():
    heavy = replace(PROPERTIES, mass_kg=Gaussian(0.8, 0.0))
    chances = [success(heavy, force_n=f) for f in (2.0, 5.0, 10.0, 40.0)]
    assert chances == sorted(chances)


def test_frictionless_contacts_hold_nothing():
    ice = replace(PROPERTIES, friction=Gaussian(0.0, 0.0))
    assert success(ice, force_n=1.0) < 0.1


def test_outcomes_come_in_the_order_of_the_candidates():
    grasps = [Grasp(1, np.eye(4), 0.07, replace(GOOD, alignment=(a, a))) for a in (0.6, 1.0, 0.8)]
    outcomes = AnalyticGraspModel(GraspModelConfig()).evaluate(holding(PROPERTIES), grasps)
    chances = [o.success_probability for o in outcomes]
    assert chances[0] < chances[2] < chances[1]
    assert all(o.force_n == GraspModelConfig().force_n for o in outcomes)
