"""Cell, world model and planner as one loop, free of middleware.

What drives the nodes drives it: signals arrive at their own rates and late, each picture updates
the scene, each joint state steps the pick under way, and the world goes on while the planner
thinks. A test runs one seed through the nodes and through this loop and compares them.
"""

from __future__ import annotations

from collections.abc import Callable

from planner_node.config import PlannerConfig
from planner_node.core import PickPlanner
from planner_node.execution.pick_execution import PickExecution
from planner_node.pick_job import PickJob, RobotDrivers
from planner_node.robot_input import RobotInput
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import RobotState, Scene
from sakiyomi_data.closed_loop.cell_drivers import CellArmDriver, CellGripperDriver
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_data.closed_loop.planning_executor import PlanningExecutor
from sakiyomi_data.closed_loop.sensor_feed import Reading, SensorFeed, TouchReading
from sakiyomi_data.closed_loop.streams import StreamTimings
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel

CLOCKS = ('run', 'wait')
MAX_PICK_S = 120.0


class ClosedLoop:
    """One robot in one simulated cell.

    Args:
        cell: with an arm.
        planner: its configuration; `fixed_planning_s` fixes the time that a plan takes.
        model: configuration of the world model.
        streams: rates and delays; None: as the simulation node publishes.
        clock: 'run': simulated time goes on while the planner thinks; 'wait': it does not.
        predicts: let each update be followed by a prediction, as the node does.

    Attributes:
        observers: further world models that get the same readings, and drive nothing.
        on_step: called with the loop after each joint state, for records and pictures.
    """

    def __init__(
        self,
        cell: SimulatedCell,
        planner: PlannerConfig,
        model: WorldModelConfig,
        streams: StreamTimings | None = None,
        clock: str = 'run',
        predicts: bool = False,
    ) -> None:
        self.cell = cell
        self.config, self.model_config = planner, model
        self.robot = RobotModel(cell.description)
        self.on_step: Callable[[ClosedLoop], None] = lambda _: None
        self.observers: list[MaskedModel] = []
        self._predicts = predicts
        self._feed = SensorFeed(cell, streams or StreamTimings.of(cell.config))
        self._worker = PlanningExecutor(lambda: cell.time_s, waits=clock == 'wait')
        self._restart()

    def reset(self, seed: int) -> None:
        """A new scene, and a robot that knows nothing of the last one."""
        self.cell.reset(seed)
        self.cell.restart_clock()
        self._restart()

    def _restart(self) -> None:
        model = WorldModel(self.model_config, self.robot)
        self.masked_model = MaskedModel(model, predicts=self._predicts)
        self.planner = PickPlanner(self.config, self.robot)
        self.job: PickJob | None = None
        self._unfinished: PickExecution | None = None
        self._input = RobotInput(self.robot)
        self._ports = RobotDrivers(CellArmDriver(self.cell), CellGripperDriver(self.cell))
        self._feed.restart()

    @property
    def model(self) -> WorldModel:
        """The world model that the planner plans with."""
        return self.masked_model.model

    @property
    def scene(self) -> Scene | None:
        """The newest; None before the first."""
        return self.masked_model.scene

    def state(self) -> RobotState | None:
        """What the robot's own sensors have said last."""
        return self._input.state()

    def run(self, duration_s: float) -> None:
        """Let time pass."""
        end_s = self.cell.time_s + duration_s
        while self.cell.time_s < end_s - 1e-6:
            self._advance()

    def pick(self, request: PickRequest | None = None) -> PickJob:
        """One pick from request to outcome; the job that did it."""
        self.job = PickJob(
            self.planner,
            self.config,
            request or PickRequest(),
            self._worker,
            self._ports,
            self._unfinished,
        )
        end_s = self.cell.time_s + MAX_PICK_S
        while not self.job.done and self.cell.time_s < end_s:
            self._advance()
        if not self.job.done:
            self.job.abandon('stopped', f'not over after {MAX_PICK_S:.0f} s')
        job, self.job = self.job, None
        self._unfinished = job.unfinished
        return job

    def _advance(self) -> None:
        for name, reading in self._feed.advance():
            self._take(name, reading)

    def _take(self, stream: str, reading: Reading) -> None:
        for observer in (self.masked_model, *self.observers):
            observer.take(stream, reading, self.cell.time_s)
        if stream == 'touch':
            self._step(reading)

    def _step(self, touch: TouchReading) -> None:
        self._input.add_wrench(touch.wrench)
        for pad in touch.pads:
            self._input.add_tactile(pad)
        self._input.add_joints(touch.joints)
        if self.job is not None:
            self.job.step(self.cell.time_s, self._input.state(), lambda: self.scene)
        self.on_step(self)
