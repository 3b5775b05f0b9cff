"""The plan of a pick: the grasp and the stages."""

from __future__ import annotations

from dataclasses import dataclass

from planner_node.grasping.grasp import Grasp
from planner_node.motion.planning_scene import PlanningScene
from sakiyomi.scene import JointTrajectory, ObjectState


@dataclass(frozen=True)
class Stage:
    """One motion of a pick, which ends at rest, and the scene that it was planned in."""

    name: str
    scene: PlanningScene
    trajectory: JointTrajectory


@dataclass(frozen=True)
class PickPlan:
    """The grasp and the stages of a pick.

    `plan['lift']` is the trajectory of a stage:

    - reach: to the pre-grasp pose
    - approach: straight to the grasp
    - lift: straight up
    - carry: to above the place
    - leave: backwards out of the place
    - retreat: home from there
    - abort: home from the lift, when nothing is held
    """

    grasp: Grasp
    target: ObjectState  # as tracked when the plan was made
    stages: tuple[Stage, ...]
    plan_s: float

    def __getitem__(self, name: str) -> JointTrajectory:
        """The trajectory of a stage."""
        return {stage.name: stage.trajectory for stage in self.stages}[name]
