"""A scene with a plan for it, which can be played again and again."""

from __future__ import annotations

from planner_node.config import PlannerConfig
from planner_node.core import PickPlanner
from planner_node.pick_job import PickJob
from planner_node.pick_plan import PickPlan
from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.closed_loop import ClosedLoop
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorldModelConfig

FIRST_OBSERVATION_S = 1.0


class PlannedScene:
    """Plans the first pick of a scene by the closed loop, and keeps what it was planned by."""

    def __init__(
        self, cell: SimulatedCell, planner: PlannerConfig, model: WorldModelConfig
    ) -> None:
        self.cell, self.config = cell, planner
        self.loop = ClosedLoop(cell, planner, model, clock='wait')
        self.seed = 0
        self.scene: Scene | None = None
        self.pick_plan: PickPlan | None = None

    def plan(self, seed: int) -> bool:
        """Lay the scene, look at it and plan; whether there is a plan."""
        self.seed = seed
        self.loop.reset(seed)
        self.loop.run(FIRST_OBSERVATION_S)
        self.scene = self.loop.scene
        job: PickJob = self.loop.pick()
        self.pick_plan = job.plan
        return job.plan is not None and job.outcome == 'success'

    @property
    def planner(self) -> PickPlanner:
        """The planner, whose motion checks are used again."""
        return self.loop.planner


class Replay:
    """Stands for the planner: it knows one plan.

    Attributes:
        motion: the true planner's collision checks.
        robot: its robot.
    """

    def __init__(self, planned: PlannedScene) -> None:
        self._plan, self.is_misplaced = planned.pick_plan, planned.planner.is_misplaced
        self.motion, self.robot = planned.planner.motion, planned.planner.robot

    def plan(self, *_: object) -> PickPlan:
        """The plan."""
        return self._plan
