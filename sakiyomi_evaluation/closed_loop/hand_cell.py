"""The protocol's free-flying hand: grasp choice alone is judged, no arm limits it.

As in VGN (Breyer et al., 2020): the hand comes straight in from the pre-grasp, closes, lifts, and
what it then holds is taken off the table. The sensors look while the hand is parked out of their
view; the world waits for the planner.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.core import PickPlanner
from planner_node.execution.grip_monitor import GripMonitor
from planner_node.grasping.grasp import Grasp
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import GripperCommand, RobotState, Scene
from sakiyomi_data.closed_loop.free_hand import FreeHand
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_data.closed_loop.sensor_feed import SensorFeed
from sakiyomi_data.closed_loop.streams import StreamTimings
from sakiyomi_evaluation.closed_loop.pick_record import PickRecord
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel

PARKING_POSITION_M = np.array(
    [0.30, 0.0, 0.60]
)  # where the hand hides from the sensors' view of the table
MARGIN_S, CLOSE_S, OBSERVE_S = 0.2, 1.5, 0.5
CONTROL_PERIOD_S = 0.02


class HandCell:
    """Picks without an arm.

    Args:
        cell: with a free hand.
        planner: configuration.
        model: configuration of the world model.

    Attributes:
        on_phase: called with the simulated cell at each change of phase, for pictures.
    """

    def __init__(
        self, cell: SimulatedCell, planner: PlannerConfig, model: WorldModelConfig
    ) -> None:
        self.cell = cell
        self.on_phase: Callable[[SimulatedCell], None] = lambda _: None
        self._execution, self._model_config = planner.execution, model
        robot = RobotModel(cell.description)
        self._planner = PickPlanner(planner, robot)
        self._hand = FreeHand(robot)
        streams, joints = StreamTimings.of(cell.config), lambda: self._hand.measure(cell)
        self._feed = SensorFeed(cell, streams, joints=joints)
        self._reset_model()

    @property
    def cleared(self) -> list[str]:
        """What has been lifted off the table."""
        return list(self._removed)

    def reset(self, seed: int) -> None:
        """A new scene with the hand out of view, and a robot that knows nothing of the last."""
        self.cell.reset(seed)
        self.cell.restart_clock()
        self._park()
        self._reset_model()

    def _reset_model(self) -> None:
        self._removed: list[str] = []
        self._masked_model = MaskedModel(WorldModel(self._model_config, self._hand))
        self._feed.restart()

    def observe(self) -> Scene:
        """Let the sensors look for a while; the scene that the world model makes of it."""
        for stream, reading in self._feed.run(OBSERVE_S):
            self._masked_model.take(stream, reading, self.cell.time_s)
        return self._masked_model.scene

    def pick(self, request: PickRequest | None = None) -> PickRecord:
        """Observe, choose the best grasp, carry it out with the free hand.

        Raises:
            PlanError: no grasp was found.
        """
        scene, started = self.observe(), time.perf_counter()
        grasp = self._planner.ranker.rank(scene, request or PickRequest())[0]
        plan_s, started_s = time.perf_counter() - started, self.cell.time_s
        heights = {t.name: t.T_world_object[2, 3] for t in self.cell.ground_truth()}
        collided = self._reach(grasp)
        grip = self._close(grasp)
        self._lift(grasp)
        lifted = self._lifted(heights) if grip.is_holding(self.state()) else ()
        outcome = 'success' if lifted else 'collided' if collided else 'missed'
        width_mm = self.state().finger_width_m * 1e3
        reason = 'lifted' if lifted else f'{width_mm:.1f} mm after lifting'
        self._remove(lifted)
        self._park()
        return PickRecord.of(grasp, outcome, reason, lifted, plan_s, self.cell.time_s - started_s)

    def state(self) -> RobotState:
        """What the hand's own sensors say; there are no arm joints."""
        joints, wrench = self._hand.measure(self.cell), self.cell.wrench()
        pressed_n = [max(pad.forces_n[:, 2].sum(), 0.0) for pad in self.cell.tactile()]
        return RobotState(
            stamp_s=self.cell.time_s,
            q=np.zeros(7),
            dq=np.zeros(7),
            finger_width_m=self._hand.joint_vector(joints)[2],
            finger_force_n=np.array(pressed_n),
            wrench=np.concatenate([wrench.force_n, wrench.torque_nm]),
        )

    def _reach(self, grasp: Grasp) -> bool:
        """Come straight in; True where something stopped the hand."""
        T = grasp.T_world_grasp
        before = T.copy()
        before[:3, 3] -= self._execution.approach_m * T[:3, 2]
        above = before.copy()
        above[2, 3] = max(PARKING_POSITION_M[2], before[2, 3])
        self.cell.command_gripper(GripperCommand(grasp.opening_m, grasp.force_n))
        return self._move([above, before, T], [0.0, 1.0, 2.0])

    def _close(self, grasp: Grasp) -> GripMonitor:
        """Close the fingers; what became of it."""
        grip = GripMonitor(self._execution)
        grip.note_command(0.0, self.state())
        self.cell.command_gripper(GripperCommand(0.0, grasp.force_n))
        for _ in range(round(CLOSE_S / CONTROL_PERIOD_S)):
            self.cell.step(CONTROL_PERIOD_S)
            grip.add(self.state())
        self.on_phase(self.cell)
        return grip

    def _lift(self, grasp: Grasp) -> None:
        up = grasp.T_world_grasp.copy()
        up[2, 3] += self._execution.lift_m
        self._move([grasp.T_world_grasp, up], [0.0, 1.5])

    def _move(self, poses: list[np.ndarray], times_s: list[float]) -> bool:
        """Through poses; True where the wrist felt more than it may."""
        self.cell.command_hand(np.array(times_s), np.stack(poses))
        pressed = False
        for _ in range(round((times_s[-1] + MARGIN_S) / CONTROL_PERIOD_S)):
            self.cell.step(CONTROL_PERIOD_S)
            force_n = np.linalg.norm(self.cell.wrench().force_n)
            pressed |= bool(force_n > self._execution.max_contact_n)
        self.on_phase(self.cell)
        return pressed

    def _lifted(self, heights: dict[str, float]) -> tuple[str, ...]:
        """What hangs higher than before by half the lift, by ground truth."""
        min_rise_m = 0.5 * self._execution.lift_m
        return tuple(
            t.name
            for t in self.cell.ground_truth()
            if t.T_world_object[2, 3] - heights[t.name] > min_rise_m
        )

    def _remove(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.cell.remove(name)
        self._removed += names

    def _park(self) -> None:
        T = np.diag([1.0, -1.0, -1.0, 1.0])
        T[:3, 3] = PARKING_POSITION_M
        self.cell.command_gripper(GripperCommand(0.08, 20.0))
        self._move([T, T], [0.0, 0.5])
