"""Plan one pick: propose grasps, imagine them, choose the best one that the arm can carry out.

Reads a Scene and a RobotState, knows no middleware and no simulator.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.errors import PlanError
from planner_node.grasping.grasp import Grasp
from planner_node.grasping.imagination import Imagination
from planner_node.grasping.proposer import GraspProposer, finer
from planner_node.grasping.surface import near_to
from planner_node.motion.errors import MotionError
from planner_node.motion.planner import MotionPlanner
from planner_node.motion.timing import standing_still
from planner_node.pick_plan import PickPlan
from sakiyomi.geometry import inverse, make_transform, transform_points
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory, ObjectState, RobotState, Scene

LEAST_LIFT_M = 0.01
PLACED_WITHIN_M = 0.06  # an object may settle so far from where it was let go
HAND_LENGTH_M = 0.11  # from the grasp frame to the wrist
# the hand is symmetric about its approach axis
_FLIPS = (np.eye(4), np.diag([-1.0, -1.0, 1.0, 1.0]))


@dataclass(frozen=True)
class _Reach:
    grasp: Grasp
    q_before: np.ndarray
    q_grasp: np.ndarray


class PickPlanner:
    """Chooses a grasp and plans all motions of a pick."""

    def __init__(self, config: PlannerConfig, robot: RobotModel):
        self.config = config
        self.robot = robot
        self.proposer = GraspProposer(config.grasp)
        # a second, finer look where the first finds nothing
        self.thorough = GraspProposer(finer(config.grasp))
        self.imagination = Imagination(config.imagination)
        self.motion = MotionPlanner(robot, config.motion)
        self.stage_ms: dict[str, float] = {}

    def plan(self, scene: Scene, state: RobotState, request: PickRequest) -> PickPlan:
        """A complete plan for one pick.

        Raises:
            PlanError: nothing to pick, no grasp, none reachable, or no motion to it.
        """
        started = time.perf_counter()
        grasps = self.rank(scene, request)
        self.stage_ms['grasps'] = _since_ms(started)
        reasons: Counter[str] = Counter()
        # first with room to spare; then trusting the closing's own check between neighbours
        for squeeze in (False, True):
            for grasp in grasps[: self.config.max_grasps]:
                if time.perf_counter() - started > self.config.planning_limit_s:
                    reasons['no path: out of time'] += 1
                    break
                try:
                    plan = self._motions(scene, state, grasp, request, started, squeeze)
                except MotionError as error:
                    reasons[error.reason] += 1
                    continue
                self.stage_ms['plan'] = _since_ms(started)
                return plan
        worst = reasons.most_common(1)[0][0]
        outcome = 'unreachable' if worst.startswith('unreachable') else 'no_motion'
        raise PlanError(outcome, f'{len(grasps)} grasps, none with a motion: mostly {worst}')

    def misplaced(self, seen: ObjectState, request: PickRequest) -> bool:
        """Whether an object that is seen after it was placed is not where it was to go."""
        at = seen.T_world_object[:3, 3]
        if request.T_world_place is not None:
            return bool(np.linalg.norm(at - request.T_world_place[:3, 3]) > PLACED_WITHIN_M)
        w = self.config.workcell
        return bool(np.abs(at[:2] - (w.bin_x_m, w.bin_y_m)).max() > w.bin_side_m / 2)

    def rank(self, scene: Scene, request: PickRequest) -> list[Grasp]:
        """All grasps worth trying, the most promising first.

        Raises:
            PlanError: nothing to pick, or no grasp on it.
        """
        targets = self._targets(scene, request)
        for proposer in (self.proposer, self.thorough):
            grasps = self._imagined(proposer, scene, targets, request)
            if grasps:
                return _diverse(sorted(grasps, key=lambda g: -g.predicted_success))
        raise PlanError('no_grasp', 'no collision-free grasp that is likely to hold')

    def _imagined(
        self,
        proposer: GraspProposer,
        scene: Scene,
        targets: list[ObjectState],
        request: PickRequest,
    ) -> list[Grasp]:
        """The candidates on all targets that are likely enough to hold."""
        grasps: list[Grasp] = []
        for target in targets:
            found = proposer.propose(scene, target)
            scored = self.imagination.score(found, target.properties, request.force_limit_n)
            grasps += [g for g in scored if g.predicted_success >= self.config.min_success]
        return grasps

    def _targets(self, scene: Scene, request: PickRequest) -> list[ObjectState]:
        pickable = [o for o in scene.objects if o.visible and not o.held]
        pickable = [o for o in pickable if o.id not in request.exclude]
        if request.target == 'id':
            pickable = [o for o in pickable if o.id == request.object_id]
        if not pickable:
            known = ', '.join(str(o.id) for o in scene.objects) or 'none'
            asked = f'object {request.object_id}' if request.target == 'id' else 'any object'
            raise PlanError('no_target', f'asked for {asked}, tracked are: {known}')
        if request.target == 'point':
            distance = [_distance(o, request.point_m) for o in pickable]
            pickable = [pickable[int(np.argmin(distance))]]
        return pickable

    def _motions(
        self,
        scene: Scene,
        state: RobotState,
        grasp: Grasp,
        request: PickRequest,
        started: float,
        squeeze: bool,
    ) -> PickPlan:
        """Every trajectory of a pick with this grasp, or MotionError."""
        c = self.config.execution
        target = scene.object_by_id(grasp.object_id)
        rest = self._without(scene, target, grasp if squeeze else None)
        self.motion.detach()
        self.motion.set_finger_width(grasp.opening_m)
        reach = self._reach(scene, rest, state, grasp)
        self._use(rest, scene)
        approach = self.motion.plan_linear(
            reach.q_before, reach.grasp.T_world_grasp, c.approach_speed_mps
        )
        away = self._away(approach.q[-1], reach.grasp, target, request, c.lift_m)
        self.motion.set_finger_width(grasp.opening_m)
        self._use(scene.cloud_m, scene)
        to_before = self.motion.plan_to(state.q, reach.q_before)
        plan_s = time.perf_counter() - started
        return PickPlan(reach.grasp, to_before, approach, *away, plan_s)

    def plan_onward(
        self, scene: Scene, state: RobotState, grasp: Grasp, request: PickRequest
    ) -> PickPlan:
        """How what is in the hand gets to its place from where the arm is.

        Raises:
            PlanError: what is in the hand is not tracked, or there is no motion.
        """
        started = time.perf_counter()
        target = scene.object_by_id(grasp.object_id)
        if target is None:
            raise PlanError('no_target', f'object {grasp.object_id} in the hand is not tracked')
        here = _moved(grasp, self.robot.grasp_pose(state.q))
        self.motion.detach()
        self.motion.set_finger_width(state.finger_width_m)
        self._use(self._without(scene, target, here), scene)
        stand = standing_still(state.q)
        lift_m = self.config.execution.lift_m - self._height(here, scene)
        try:
            away = self._away(state.q, here, target, request, max(lift_m, LEAST_LIFT_M))
        except MotionError as error:
            raise PlanError(
                'no_motion', f'with object {target.id} in the hand: {error}'
            ) from error
        return PickPlan(here, stand, stand, *away, time.perf_counter() - started)

    def _away(
        self,
        q_grasp: np.ndarray,
        grasp: Grasp,
        target: ObjectState,
        request: PickRequest,
        lift_m: float,
    ) -> tuple[JointTrajectory, ...]:
        """Lift, carry, leave, retreat and abort, with the target in the hand to its place."""
        T_lift = grasp.T_world_grasp.copy()
        T_lift[2, 3] += lift_m
        lift = self.motion.plan_linear(q_grasp, T_lift, self.config.execution.lift_speed_mps)
        q_lift = lift.q[-1]
        own = transform_points(target.T_world_object, target.seen_points_m)
        self.motion.attach(transform_points(inverse(grasp.T_world_grasp), own))
        self.motion.set_finger_width(grasp.features.width_m)
        carry, leave = self._carry(q_lift, grasp, target, request)
        self.motion.detach()
        q_home = self.robot.q_home
        retreat = self.motion.plan_to(leave.q[-1], q_home)
        return lift, carry, leave, retreat, self.motion.plan_to(q_lift, q_home)

    @staticmethod
    def _height(grasp: Grasp, scene: Scene) -> float:
        """Of the grasp frame over the table [m]."""
        return float(grasp.T_world_grasp[2, 3]) - scene.table_height_m

    def _reach(self, scene: Scene, rest: np.ndarray, state: RobotState, grasp: Grasp) -> _Reach:
        """Joint positions before and at the grasp, with the better of the two equal hand poses."""
        back = make_transform(translation=np.array([0.0, 0.0, -self.config.execution.approach_m]))
        found: list[_Reach] = []
        failure = MotionError('unreachable')
        for flip in _FLIPS:
            T = grasp.T_world_grasp @ flip
            try:
                self._use(rest, scene)
                q_grasp = self.motion.ik(T, self.robot.q_home)
                self._use(scene.cloud_m, scene)
                q_before = self.motion.ik(T @ back, q_grasp)
            except MotionError as error:
                failure = error
                continue
            found.append(_Reach(_moved(grasp, T), q_before, q_grasp))
        if not found:
            raise failure
        return min(found, key=lambda r: np.abs(r.q_before - state.q).max())

    def _carry(
        self, q_lift: np.ndarray, grasp: Grasp, target: ObjectState, request: PickRequest
    ) -> tuple[JointTrajectory, JointTrajectory]:
        """From the lift to the place, and backwards out of there; over the bin any yaw will do."""
        c, failure = self.config.execution, MotionError('unreachable')
        for T_world_grasp in self._places(grasp, target, request):
            T_out = T_world_grasp.copy()
            T_out[:3, 3] -= c.leave_m * T_out[:3, 2]
            try:
                carry = self.motion.plan_to(q_lift, self.motion.ik(T_world_grasp, q_lift))
                return carry, self.motion.plan_linear(carry.q[-1], T_out, c.lift_speed_mps)
            except MotionError as error:
                failure = error
        raise failure

    def _places(self, grasp: Grasp, target: ObjectState, request: PickRequest):
        """Hand poses at the place, the preferred first."""
        if request.T_world_place is not None:
            T_object_grasp = inverse(target.T_world_object) @ grasp.T_world_grasp
            yield request.T_world_place @ T_object_grasp
            return
        w = self.config.workcell
        # high enough that what hangs below the hand clears the walls
        height = self.config.execution.drop_height_m + self._hang(grasp, target)
        for yaw in np.pi / 2 + np.array([0.0, 0.5, -0.5, 1.0, -1.0, np.pi, 2.0, -2.0]):
            c, s = np.cos(yaw), np.sin(yaw)
            R = np.array([[c, s, 0.0], [s, -c, 0.0], [0.0, 0.0, -1.0]])
            yield make_transform(R, np.array([w.bin_x_m, w.bin_y_m, height]))

    @staticmethod
    def _hang(grasp: Grasp, target: ObjectState) -> float:
        """How far the object reaches beyond the grasp frame along its approach [m]."""
        own = transform_points(target.T_world_object, target.points_m)
        return max(0.0, float(transform_points(inverse(grasp.T_world_grasp), own)[:, 2].max()))

    def _without(self, scene: Scene, target: ObjectState, grasp: Grasp | None) -> np.ndarray:
        """The scene's points without the target's and, given a grasp, those around the hand.

        Closing the hand on the cloud has checked the latter exactly; the voxels of the arm's check
        refuse to go between neighbours.
        """
        own = transform_points(target.T_world_object, target.seen_points_m)
        near = near_to(scene.cloud_m, own, self.config.grasp.own_radius_m)
        if grasp is not None:
            offset = scene.cloud_m - grasp.T_world_grasp[:3, 3]
            near |= np.einsum('nj,nj->n', offset, offset) < HAND_LENGTH_M**2
        return scene.cloud_m[~near]

    def _use(self, cloud_m: np.ndarray, scene: Scene) -> None:
        self.motion.set_scene(cloud_m, scene.table_height_m)


def _moved(grasp: Grasp, T_world_grasp: np.ndarray) -> Grasp:
    return replace(grasp, T_world_grasp=T_world_grasp)


def _distance(target: ObjectState, point_m: np.ndarray) -> float:
    own = transform_points(target.T_world_object, target.seen_points_m)
    return float(np.linalg.norm(own - point_m, axis=1).min())


def _diverse(grasps: list[Grasp], apart_m: float = 0.01, apart_rad: float = 0.4) -> list[Grasp]:
    """The ranked list without near-copies of better ones, so that every try is a new idea."""
    kept: list[Grasp] = []
    for grasp in grasps:
        T = grasp.T_world_grasp
        copy = any(
            np.linalg.norm(T[:3, 3] - k.T_world_grasp[:3, 3]) < apart_m
            and np.arccos(np.clip(T[:3, 2] @ k.T_world_grasp[:3, 2], -1, 1)) < apart_rad
            and abs(T[:3, 1] @ k.T_world_grasp[:3, 1]) > np.cos(apart_rad)
            for k in kept
        )
        if not copy:
            kept.append(grasp)
        if len(kept) >= 100:
            break
    return kept


def _since_ms(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
