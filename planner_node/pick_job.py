"""One pick from the request to its outcome: await a fresh scene, plan in a thread, carry out.

Stepped from outside, like the execution that it drives; only the planning runs in a thread of its
own, so that whoever steps it stays responsive.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.core import PickPlanner
from planner_node.errors import PlanError
from planner_node.execution import Command, PickExecution, PickPlan
from planner_node.grasping.grasp import Grasp
from sakiyomi.pick_request import PickRequest
from sakiyomi.scene import JointTrajectory, RobotState, Scene


class PickJob:
    """A pick under way.

    Attributes:
        phase: 'plan', then the phases of the execution.
        outcome: one of the Pick action's outcomes in lower case, '' until the pick is over.
        reason: one line about the outcome.
    """

    def __init__(
        self,
        planner: PickPlanner,
        config: PlannerConfig,
        request: PickRequest,
        worker: ThreadPoolExecutor,
    ):
        self.request = request
        self.outcome = ''
        self.reason = ''
        self.plan: PickPlan | None = None
        self.plan_s = 0.0
        self.execution_s = 0.0
        self._planner = planner
        self._config = config
        self._worker = worker
        self._planning: Future | None = None
        self._execution: PickExecution | None = None
        self._began_s: float | None = None
        self._moving_since = 0.0
        self._scene_stamp_s = 0.0

    @property
    def done(self) -> bool:
        """Whether nothing more will happen."""
        return bool(self.outcome) and (self._execution is None or self._execution.done)

    @property
    def phase(self) -> str:
        """What is being done now."""
        return self._execution.phase if self._execution else 'plan'

    @property
    def grasp(self) -> Grasp | None:
        """The grasp chosen, once there is a plan."""
        return self.plan.grasp if self.plan else None

    @property
    def scene_stamp_s(self) -> float:
        """The stamp of the scene that was planned on [s]; 0 before."""
        return self._scene_stamp_s

    def step(self, state: RobotState, newest_scene: Callable[[], Scene | None]) -> list[Command]:
        """Advance; the commands to send now, often none.

        Args:
            state: the robot's newest state.
            newest_scene: called until it returns a scene seen after this pick began.
        """
        if self.done:
            return []
        if self._began_s is None:
            self._began_s = state.stamp_s
        if self._execution is not None:
            return self._move(state)
        if self._planning is not None:
            return self._take_plan()
        self._start_planning(state, newest_scene())
        return []

    def stop(self, state: RobotState | None, outcome: str, reason: str) -> list[Command]:
        """Give up at once; the command that holds the arm where it is."""
        if self.done:
            return []
        if self._execution is not None:
            self._execution.stop()
            self.execution_s = time.perf_counter() - self._moving_since
        self.outcome, self.reason = outcome, reason
        return [hold(state)] if state is not None else []

    def _start_planning(self, state: RobotState, scene: Scene | None) -> None:
        if scene is None or scene.stamp_s < self._began_s:
            waited_s = state.stamp_s - self._began_s
            if waited_s > self._config.scene_timeout_s:
                self._end('stale_input', f'no scene from the world model within {waited_s:.1f} s')
            return
        blind = unusable(scene)
        if blind:
            self._end('stale_input', blind)
            return
        self._scene_stamp_s = scene.stamp_s
        self._planning = self._worker.submit(self._planner.plan, scene, state, self.request)
        self._moving_since = time.perf_counter()

    def _take_plan(self) -> list[Command]:
        if not self._planning.done():
            return []
        self.plan_s = time.perf_counter() - self._moving_since
        try:
            self.plan = self._planning.result()
        except PlanError as error:
            self._end(error.outcome, error.reason)
            return []
        self._execution = PickExecution(self.plan, self._config.execution)
        self._moving_since = time.perf_counter()
        return []

    def _move(self, state: RobotState) -> list[Command]:
        commands = self._execution.step(state)
        if self._execution.done:
            self.execution_s = time.perf_counter() - self._moving_since
            self._end(self._execution.outcome, self._execution.reason)
        return commands

    def _end(self, outcome: str, reason: str) -> None:
        self.outcome, self.reason = outcome, reason


def hold(state: RobotState) -> JointTrajectory:
    """Stay where the arm is."""
    q = np.asarray(state.q)[None]
    return JointTrajectory(np.zeros(1), q, np.zeros_like(q))


def unusable(scene: Scene) -> str:
    """Why nothing should be picked by this scene; empty if it can be."""
    if 'joints' in scene.stale:
        return 'the world model has no fresh joint states'
    if {'camera', 'lidar'} <= set(scene.stale):
        return 'the world model has neither a fresh camera picture nor a fresh LiDAR scan'
    return ''
