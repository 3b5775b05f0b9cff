"""One pick from the request to its outcome: await a fresh scene, plan, execute and verify.

Each joint state steps the job; only the planning runs in a thread of its own, so that the caller
stays responsive.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.core import PickPlanner
from planner_node.errors import PlanError
from planner_node.execution.motion_stream import MotionStream
from planner_node.execution.path_sweep import PathSweep, observed_points
from planner_node.execution.pick_execution import PickExecution
from planner_node.execution.supervisor import Supervisor
from planner_node.grasping.grasp import Grasp
from planner_node.pick_plan import PickPlan
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.drivers import ArmDriver, GripperDriver
from sakiyomi.scene import RobotState, Scene

# in the other phases the hand is near objects on purpose
CHECKED_PHASES = ('reach', 'carry', 'retreat')
APPROACH_PHASES = ('reach', 'approach')
REPLAN = 'replan'  # outcome of an execution that a plan by a fresh scene is to follow


@dataclass(frozen=True)
class RobotDrivers:
    """The drivers of arm and gripper."""

    arm: ArmDriver
    gripper: GripperDriver


class PickJob:
    """A pick under way.

    Attributes:
        phase: 'plan', then the phases of the execution, then 'look'.
        outcome: one of the Pick action's outcomes in lower case, '' until the pick is over.
        reason: one line about the outcome.
        plan_s: what the planning took, in the robot's clock.
        execution_s: what the motion took, in the robot's clock.
        moving_since_s: when the motion began, None before.
    """

    def __init__(
        self,
        planner: PickPlanner,
        config: PlannerConfig,
        request: PickRequest,
        worker: Executor,
        robot: RobotDrivers,
        unfinished: PickExecution | None = None,
    ) -> None:
        """Args: `unfinished` is the execution of an earlier pick that ended with a full hand."""
        self.request = request
        self.outcome = self.reason = ''
        self.plan: PickPlan | None = None
        self.plan_s = self.execution_s = 0.0
        self.moving_since_s: float | None = None
        self.supervisor = Supervisor(config.supervisor)
        self.scene_stamp_s = 0.0  # of the scene that was planned on
        self._planner, self._config, self._robot = planner, config, robot
        self._worker = worker
        self._sweep = PathSweep(planner.motion, config.supervisor)
        self._planning: Future | None = None
        self._execution: PickExecution | None = None
        self._previous_execution = unfinished
        self._request_s: float | None = None
        self._stage_start_s = 0.0  # when planning or motion began
        self._verification_start_s: float | None = None
        self._newest_scene_s = -np.inf  # stamp of the newest scene that was taken in
        self._wait_reason = 'no scene from the world model'
        self._replans = 0
        self._failure: tuple[str, str] | None = None  # that is planned anew for
        self._cancelled = False  # since joint states came last

    @property
    def done(self) -> bool:
        """Whether the pick is over."""
        return bool(self.outcome) and (self._execution is None or self._execution.done)

    @property
    def phase(self) -> str:
        """The phase under way."""
        if self._verification_start_s is not None:
            return 'look'
        return self._execution.phase if self._execution else 'plan'

    @property
    def grasp(self) -> Grasp | None:
        """The grasp chosen, once there is a plan."""
        return self.plan.grasp if self.plan else None

    @property
    def stream(self) -> MotionStream | None:
        """The motion under way, None before the first."""
        return self._execution.stream if self._execution else None

    @property
    def unfinished(self) -> PickExecution | None:
        """The execution that has left an object in the hand, for the next pick."""
        return self._execution if self._execution and self._execution.holding else None

    def step(
        self, now_s: float, state: RobotState, newest_scene: Callable[[], Scene | None]
    ) -> None:
        """Advance by a state that has just come.

        Args:
            now_s: our own clock, against which the stamps must not jump.
            state: the robot's newest.
            newest_scene: the newest scene of the world model.
        """
        if self.done:
            return
        jump = self.supervisor.observe_joint_states(now_s, state.stamp_s)
        if jump:
            self.abandon('stale_input', jump)
            return
        self._cancelled = False
        if self._request_s is None:
            self._request_s = state.stamp_s
        scene = newest_scene()
        if scene is not None and scene.stamp_s > self._newest_scene_s:
            self._newest_scene_s = scene.stamp_s
            self._process_scene(scene, state)
        if self._verification_start_s is not None:
            self._verify_placement(scene, state)
        elif self._execution is not None:
            self._execute(state)
        elif self._planning is not None:
            self._receive_plan(state)
        else:
            self._start_planning(state, scene)

    def stop(self, outcome: str, reason: str) -> None:
        """Give up: a moving arm brakes on its path while states keep coming."""
        if self._execution is not None and not self._execution.done:
            self._execution.stop(outcome, reason)
        else:
            self._end(outcome, reason)

    def abandon(self, outcome: str, reason: str) -> None:
        """Give up without a fresh state or a command; the last goal ends at rest."""
        if self._execution is not None:
            self._execution.abandon(outcome, reason)
        self._end(outcome, reason)

    def supervise(self, now_s: float) -> None:
        """End a motion whose joint states have stopped."""
        if self.done or not self.supervisor.joint_states_stale(now_s):
            return
        if not self._cancelled and self._execution is not None:
            self._cancelled = self._robot.arm.cancel()
        age_s = self.supervisor.joints_age_s(now_s)
        if age_s > self._config.state_timeout_s:
            self.abandon('stale_input', f'the joint states fell silent for {age_s:.1f} s')

    # Planning.

    def _start_planning(self, state: RobotState, scene: Scene | None) -> None:
        """On the first scene from after the request that can be used; it is waited for."""
        fresh = scene is not None and scene.stamp_s >= self._request_s
        problem = why_unusable(scene) if fresh else self._wait_reason
        self._wait_reason = problem or self._wait_reason
        if problem:
            waited_s = state.stamp_s - self._request_s
            if waited_s > self._config.scene_timeout_s:
                self._end('stale_input', f'{self._wait_reason} within {waited_s:.1f} s')
            return
        self.scene_stamp_s, self._stage_start_s = scene.stamp_s, state.stamp_s
        if self._previous_execution is None:
            self._planning = self._worker.submit(self._planner.plan, scene, state, self.request)
        else:
            onward, before = self._planner.plan_with_held_object, self._previous_execution.plan
            self._planning = self._worker.submit(onward, scene, state, before, self.request)

    def _receive_plan(self, state: RobotState) -> None:
        passed_s, fixed_s = state.stamp_s - self._stage_start_s, self._config.fixed_planning_s
        if passed_s < fixed_s or (not fixed_s and not self._planning.done()):
            return
        self.plan_s, planning, self._planning = passed_s, self._planning, None
        try:
            self.plan = planning.result()
        except PlanError as error:
            self._end_without_plan(error)
            return
        c, r, before = self._config.execution, self._robot, self._previous_execution
        self._execution = PickExecution(
            self.plan, c, r.arm, r.gripper, self._planner.robot, before
        )
        self._previous_execution = None
        self._stage_start_s = self.moving_since_s = state.stamp_s

    # Moving.

    def _process_scene(self, scene: Scene, state: RobotState) -> None:
        time_to_collision_s = None
        if self._execution is not None and self._execution.stream is not None:
            time_to_collision_s = self._time_to_collision_s(scene, state)
            self._watch_target(scene)
        self.supervisor.observe_scene(state.stamp_s, time_to_collision_s)

    def _time_to_collision_s(self, scene: Scene, state: RobotState) -> float | None:
        execution = self._execution
        if execution.phase not in CHECKED_PHASES:
            return None
        ignored_m = observed_points(scene, self.plan.grasp.object_id)
        stream, ahead_s = execution.stream, self._config.supervisor.look_ahead_s
        return self._sweep.time_to_collision_s(
            scene, stream.trajectory, stream.path_s, ahead_s, ignored_m, state.finger_width_m
        )

    def _watch_target(self, scene: Scene) -> None:
        """Plan anew for a target that has moved since the plan."""
        if self._execution.phase not in APPROACH_PHASES:
            return
        target = self.plan.target
        now = scene.object_by_id(target.id)
        if now is None or not now.visible:
            return
        moved_m = float(np.linalg.norm((now.T_world_object - target.T_world_object)[:3, 3]))
        if moved_m > self._config.target_moved_m:
            reason = f'object {now.id} moved {moved_m * 1e3:.0f} mm before the hand was there'
            self._execution.stop(REPLAN, reason)

    def _execute(self, state: RobotState) -> None:
        speed_override = self.supervisor.speed_override(state.stamp_s)
        self._execution.step(state, speed_override, self._config.supervisor.patience_s)
        if not self._execution.done:
            return
        self.execution_s += state.stamp_s - self._stage_start_s
        outcome, reason = self._execution.outcome, self._execution.reason
        if outcome == 'success':
            self._verification_start_s = state.stamp_s
        elif self._should_replan(outcome):
            self._replans += 1
            self._previous_execution = self._execution if self._execution.holding else None
            self._failure = outcome, reason
            self._execution, self._request_s = None, state.stamp_s
        else:
            self._end('missed' if outcome == REPLAN else outcome, reason)

    def _should_replan(self, outcome: str) -> bool:
        """Whether the pick is planned anew from where the arm is."""
        full = self._execution.holding and outcome in ('collided', 'obstructed')
        return (full or outcome == REPLAN) and self._replans < self._config.max_replans

    def _end_without_plan(self, error: PlanError) -> None:
        """End with the earlier failure where this plan was to replace a failed one."""
        if self._failure is None:
            self._end(error.outcome, error.reason)
            return
        self._execution, self._previous_execution = self._previous_execution, None
        outcome, reason = self._failure
        outcome = 'missed' if outcome == REPLAN else outcome
        self._end(outcome, f'{reason}; then {error.reason}')

    def _verify_placement(self, scene: Scene | None, state: RobotState) -> None:
        """Fail the pick if its object is seen elsewhere than at its place."""
        if scene is None or scene.stamp_s <= self._verification_start_s:
            if state.stamp_s - self._verification_start_s > self._config.scene_timeout_s:
                self._end('success', f'{self._execution.reason}; nobody looked afterwards')
            return
        outcome, reason = self._execution.outcome, self._execution.reason
        left = scene.object_by_id(self.plan.grasp.object_id)
        if left is not None and left.visible and self._planner.is_misplaced(left, self.request):
            at = ', '.join(f'{x:.2f}' for x in left.T_world_object[:3, 3])
            outcome, reason = 'dropped', f'seen at ({at}) m afterwards'
        self._end(outcome, reason)

    def _end(self, outcome: str, reason: str) -> None:
        self.outcome, self.reason = outcome, reason


def why_unusable(scene: Scene) -> str:
    """Why this scene is no basis for a pick; empty if it is one."""
    if 'joints' in scene.stale:
        return 'the world model has no fresh joint states'
    if {'camera', 'lidar'} <= set(scene.stale):
        return 'the world model has neither a fresh camera picture nor a fresh LiDAR scan'
    return ''
