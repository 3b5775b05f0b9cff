"""Everything decided before the arm moves."""

from __future__ import annotations

from dataclasses import dataclass

from planner_node.grasping.grasp import Grasp
from sakiyomi.scene import JointTrajectory


@dataclass(frozen=True)
class PickPlan:
    """The grasp and the motions of a pick, each of which ends at rest."""

    grasp: Grasp
    reach: JointTrajectory  # to the pre-grasp pose
    approach: JointTrajectory  # straight to the grasp
    lift: JointTrajectory  # straight up
    carry: JointTrajectory  # to above the place
    leave: JointTrajectory  # backwards out of the place
    retreat: JointTrajectory  # home from there
    abort: JointTrajectory  # home from the lift, when nothing is held
    plan_s: float
