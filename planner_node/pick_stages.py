"""The stages of a pick, each planned in a scene of its own.

A pick is a list of stages, each of which starts where another one ends, as in MoveIt Task
Constructor (Goerner et al., ICRA 2019).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.grasping.grasp import Grasp
from planner_node.grasping.local_cloud import within_radius
from planner_node.motion.errors import MotionError
from planner_node.motion.planner import MotionPlanner
from planner_node.motion.planning_scene import PlanningScene
from planner_node.motion.time_parameterization import stationary_trajectory
from planner_node.pick_plan import Stage
from sakiyomi.geometry import inverse, make_transform, transform_points
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory, ObjectState, RobotState, Scene

# the hand is symmetric about its approach axis
_FLIPS = (np.eye(4), np.diag([-1.0, -1.0, 1.0, 1.0]))
_YAWS_RAD = np.pi / 2 + np.array([0.0, 0.5, -0.5, 1.0, -1.0, np.pi, 2.0, -2.0])


@dataclass(frozen=True)
class _GraspConfiguration:
    """Joint angles at a grasp and before it."""

    grasp: Grasp
    q_before: np.ndarray
    q_grasp: np.ndarray


class PickStages:
    """Plans the stages of one pick after the other.

    Args:
        config: of the planner.
        robot: whose arm moves.
        motion: plans each of the motions.
    """

    def __init__(self, config: PlannerConfig, robot: RobotModel, motion: MotionPlanner) -> None:
        self._config, self._robot, self._motion = config, robot, motion

    def pick(
        self,
        scene: Scene,
        state: RobotState,
        grasp: Grasp,
        request: PickRequest,
        between_neighbours: bool = False,
    ) -> tuple[Grasp, tuple[Stage, ...]]:
        """All stages with this grasp, which comes back turned to the hand pose that was chosen.

        Args:
            scene: the newest belief.
            state: of the robot now.
            grasp: to be carried out.
            request: where the object goes.
            between_neighbours: trust the check of the closing hand near the grasp, where the
                voxels of the arm's check leave no way between neighbours.

        Raises:
            MotionError: one of the stages has no motion.
        """
        c = self._config.execution
        target = scene.object_by_id(grasp.object_id)
        others_m = self._without(scene, target, grasp if between_neighbours else None)
        full = PlanningScene(scene.cloud_m, scene.table_height_m, finger_width_m=grasp.opening_m)
        near = replace(full, cloud_m=others_m)
        chosen = self._grasp_configuration(near, full, state, grasp)
        approach = self._motion.plan_linear(
            near, chosen.q_before, chosen.grasp.T_world_grasp, c.approach_speed_mps
        )
        away = self._away(near, approach.q[-1], chosen.grasp, target, request, c.lift_m)
        reach = self._motion.plan_to(full, state.q, chosen.q_before)
        return chosen.grasp, (
            Stage('reach', full, reach),
            Stage('approach', near, approach),
            *away,
        )

    def onward(
        self,
        scene: Scene,
        state: RobotState,
        grasp: Grasp,
        target: ObjectState,
        request: PickRequest,
    ) -> tuple[Stage, ...]:
        """The stages that bring what is in the hand to its place from where the arm is.

        Raises:
            MotionError: one of the stages has no motion.
        """
        c = self._config.execution
        near = PlanningScene(
            self._without(scene, target, grasp),
            scene.table_height_m,
            finger_width_m=state.finger_width_m,
        )
        stand = stationary_trajectory(state.q)
        height_m = float(grasp.T_world_grasp[2, 3]) - scene.table_height_m
        lift_m = max(c.lift_m - height_m, c.min_lift_m)
        away = self._away(near, state.q, grasp, target, request, lift_m)
        return (Stage('reach', near, stand), Stage('approach', near, stand), *away)

    def _away(
        self,
        near: PlanningScene,
        q_grasp: np.ndarray,
        grasp: Grasp,
        target: ObjectState,
        request: PickRequest,
        lift_m: float,
    ) -> tuple[Stage, ...]:
        """Lift, carry, leave, retreat and abort, with the target in the hand to its place."""
        T_lift = grasp.T_world_grasp.copy()
        T_lift[2, 3] += lift_m
        lift = self._motion.plan_linear(
            near, q_grasp, T_lift, self._config.execution.lift_speed_mps
        )
        q_lift, q_home = lift.q[-1], self._robot.q_home
        own_m = transform_points(target.T_world_object, target.observed_points_m)
        held_m = transform_points(inverse(grasp.T_world_grasp), own_m)
        full_hand = near.holding(held_m, grasp.features.width_m)
        empty_hand = near.holding(None, grasp.features.width_m)
        carry, leave = self._carry(full_hand, q_lift, grasp, target, request)
        return (
            Stage('lift', near, lift),
            Stage('carry', full_hand, carry),
            Stage('leave', full_hand, leave),
            Stage('retreat', empty_hand, self._motion.plan_to(empty_hand, leave.q[-1], q_home)),
            Stage('abort', empty_hand, self._motion.plan_to(empty_hand, q_lift, q_home)),
        )

    def _grasp_configuration(
        self, near: PlanningScene, full: PlanningScene, state: RobotState, grasp: Grasp
    ) -> _GraspConfiguration:
        """Joint angles before and at the grasp, with the better of the two equal hand poses."""
        back = make_transform(translation=np.array([0.0, 0.0, -self._config.execution.approach_m]))
        found: list[_GraspConfiguration] = []
        failure = MotionError('unreachable')
        for flip in _FLIPS:
            T = grasp.T_world_grasp @ flip
            try:
                q_grasp = self._motion.ik(near, T, self._robot.q_home)
                q_before = self._motion.ik(full, T @ back, q_grasp)
            except MotionError as error:
                failure = error
                continue
            found.append(_GraspConfiguration(replace(grasp, T_world_grasp=T), q_before, q_grasp))
        if not found:
            raise failure
        return min(found, key=lambda r: np.abs(r.q_before - state.q).max())

    def _carry(
        self,
        full_hand: PlanningScene,
        q_lift: np.ndarray,
        grasp: Grasp,
        target: ObjectState,
        request: PickRequest,
    ) -> tuple[JointTrajectory, JointTrajectory]:
        """From the lift to the place, and backwards out of there; over the bin any yaw will do."""
        c, failure = self._config.execution, MotionError('unreachable')
        for T_world_grasp in self._place_poses(grasp, target, request):
            T_out = T_world_grasp.copy()
            T_out[:3, 3] -= c.leave_m * T_out[:3, 2]
            try:
                q_place = self._motion.ik(full_hand, T_world_grasp, q_lift)
                carry = self._motion.plan_to(full_hand, q_lift, q_place)
                leave = self._motion.plan_linear(full_hand, carry.q[-1], T_out, c.lift_speed_mps)
            except MotionError as error:
                failure = error
                continue
            return carry, leave
        raise failure

    def _place_poses(
        self, grasp: Grasp, target: ObjectState, request: PickRequest
    ) -> Iterator[np.ndarray]:
        """Hand poses (4, 4) at the place, the preferred first."""
        if request.T_world_place is not None:
            T_object_grasp = inverse(target.T_world_object) @ grasp.T_world_grasp
            yield request.T_world_place @ T_object_grasp
            return
        w = self._config.workcell
        # high enough that what hangs below the hand clears the walls
        height_m = self._config.execution.drop_height_m + _hang_m(grasp, target)
        for yaw in _YAWS_RAD:
            c, s = np.cos(yaw), np.sin(yaw)
            R = np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])
            yield make_transform(R, np.array([w.bin_x_m, w.bin_y_m, height_m]))

    def _without(self, scene: Scene, target: ObjectState, grasp: Grasp | None) -> np.ndarray:
        """The scene's points without the target's and, given a grasp, those around the hand.

        Closing the hand on the cloud has checked the latter exactly; the voxels of the arm's check
        refuse to go between neighbours.
        """
        own_m = transform_points(target.T_world_object, target.observed_points_m)
        near = within_radius(scene.cloud_m, own_m, self._config.grasp.target_radius_m)
        if grasp is not None:
            offset = scene.cloud_m - grasp.T_world_grasp[:3, 3]
            near |= np.einsum('nj,nj->n', offset, offset) < self._robot.hand.length_m**2
        return scene.cloud_m[~near]


def _hang_m(grasp: Grasp, target: ObjectState) -> float:
    """How far the object reaches beyond the grasp frame along its approach [m]."""
    own_m = transform_points(target.T_world_object, target.points_m)
    return max(0.0, float(transform_points(inverse(grasp.T_world_grasp), own_m)[:, 2].max()))
