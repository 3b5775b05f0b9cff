"""Plan one pick: propose grasps, predict their outcomes, choose the best feasible one.

The planner reads a Scene and a RobotState and knows no middleware and no simulator.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.errors import PlanError
from planner_node.grasping.analytic_grasp_model import AnalyticGraspModel
from planner_node.grasping.outcome_model import OutcomeModel
from planner_node.grasping.ranking import GraspRanker
from planner_node.motion.errors import MotionError
from planner_node.motion.planner import MotionPlanner
from planner_node.pick_plan import PickPlan
from planner_node.pick_stages import PickStages
from sakiyomi.geometry import inverse
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import ObjectState, RobotState, Scene


class PickPlanner:
    """Chooses a grasp and plans all motions of a pick.

    Args:
        config: of the planner.
        robot: whose arm moves.
        outcomes: predicts the outcome of a grasp; the closed form if not given.
    """

    def __init__(
        self, config: PlannerConfig, robot: RobotModel, outcomes: OutcomeModel | None = None
    ) -> None:
        self.config, self.robot = config, robot
        outcomes = outcomes or AnalyticGraspModel(config.grasp_model)
        self.ranker = GraspRanker(config, outcomes, robot.hand)
        self.motion = MotionPlanner(robot, config.motion)
        self.stages = PickStages(config, robot, self.motion)
        self.stage_ms: dict[str, float] = {}

    def plan(self, scene: Scene, state: RobotState, request: PickRequest) -> PickPlan:
        """A complete plan for one pick.

        Raises:
            PlanError: nothing to pick, no grasp, none reachable, or no motion to it.
        """
        started = time.perf_counter()
        grasps = self.ranker.rank(scene, request)
        self.stage_ms['grasps'] = _since_ms(started)
        reasons: Counter[str] = Counter()
        # first with room to spare, then between neighbours
        for between_neighbours in (False, True):
            for grasp in grasps[: self.config.max_grasps]:
                if time.perf_counter() - started > self.config.planning_limit_s:
                    reasons['no path: out of time'] += 1
                    break
                try:
                    chosen, stages = self.stages.pick(
                        scene, state, grasp, request, between_neighbours
                    )
                except MotionError as error:
                    reasons[error.reason] += 1
                    continue
                self.stage_ms['plan'] = _since_ms(started)
                target = scene.object_by_id(grasp.object_id)
                return PickPlan(chosen, target, stages, time.perf_counter() - started)
        worst = reasons.most_common(1)[0][0]
        outcome = 'unreachable' if worst.startswith('unreachable') else 'no_motion'
        raise PlanError(outcome, f'{len(grasps)} grasps, none with a motion: mostly {worst}')

    def plan_with_held_object(
        self, scene: Scene, state: RobotState, before: PickPlan, request: PickRequest
    ) -> PickPlan:
        """The stages that bring a held object to its place from the present state of the arm.

        An object that the world model has lost keeps its pose in the hand.

        Args:
            scene: the newest belief.
            state: of the robot now.
            before: the plan by which the object was grasped.
            request: where the object goes.

        Raises:
            PlanError: there is no motion.
        """
        started = time.perf_counter()
        T_world_grasp = self.robot.grasp_pose(state.q)
        grasp = replace(before.grasp, T_world_grasp=T_world_grasp)
        target = scene.object_by_id(grasp.object_id)
        if target is None:
            moved = T_world_grasp @ inverse(before.grasp.T_world_grasp)
            target = replace(before.target, T_world_object=moved @ before.target.T_world_object)
        try:
            stages = self.stages.onward(scene, state, grasp, target, request)
        except MotionError as error:
            reason = f'with object {target.id} in the hand: {error}'
            raise PlanError('no_motion', reason) from error
        return PickPlan(grasp, target, stages, time.perf_counter() - started)

    def is_misplaced(self, seen: ObjectState, request: PickRequest) -> bool:
        """Whether an object that is seen after it was placed is not where it was to go."""
        at = seen.T_world_object[:3, 3]
        if request.T_world_place is not None:
            off_m = np.linalg.norm(at - request.T_world_place[:3, 3])
            return bool(off_m > self.config.place_tolerance_m)
        w = self.config.workcell
        return bool(np.abs(at[:2] - (w.bin_x_m, w.bin_y_m)).max() > w.bin_side_m / 2)


def _since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
