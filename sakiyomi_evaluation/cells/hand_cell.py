"""The protocol's free-flying hand: grasp choice alone is judged, no arm limits it.

As in VGN (Breyer et al., 2020): the hand comes straight in from the pre-grasp, closes, lifts, and
what it then holds is taken off the table.
"""

from __future__ import annotations

import time

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.core import PickRequest
from planner_node.execution import holds
from planner_node.grasping.grasp import Grasp
from sakiyomi.scene import GripperCommand, RobotState
from sakiyomi_evaluation.cells.pick_cell import CONTROL_PERIOD_S, PickCell, PickRecord
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorldModelConfig

PARKED_M = np.array([0.30, 0.0, 0.60])  # where the hand hides from the sensors' view of the table
MARGIN_S = 0.2


class HandCell(PickCell):
    """Picks without an arm."""

    def __init__(self, cell: SimulatedCell, planner: PlannerConfig, model: WorldModelConfig):
        super().__init__(cell, planner, model)
        self._removed: list[str] = []

    @property
    def cleared(self) -> list[str]:
        """What has been lifted off the table."""
        return list(self._removed)

    def reset(self, seed: int) -> None:
        """A new scene with the hand out of view."""
        super().reset(seed)
        self._removed = []
        self._park()

    def pick(self, request: PickRequest | None = None) -> PickRecord:
        """Observe, choose the best grasp, carry it out with the free hand.

        Raises:
            PlanError: no grasp was found.
        """
        scene = self.observe()
        started = time.perf_counter()
        grasp = self.planner.rank(scene, request or PickRequest())[0]
        plan_s = time.perf_counter() - started
        started_s = self.cell.time_s
        heights = {t.name: t.T_world_object[2, 3] for t in self.cell.ground_truth()}
        collided = self._reach(grasp)
        self._hand_to(GripperCommand(0.0, grasp.force_n), 1.5)
        self._lift(grasp)
        lifted = self._lifted(heights) if self._holding() else ()
        outcome = 'success' if lifted else 'collided' if collided else 'missed'
        reason = (
            'lifted' if lifted else f'{self.state().finger_width_m * 1e3:.1f} mm after lifting'
        )
        self._take(lifted)
        self._park()
        return PickRecord.of(grasp, outcome, reason, lifted, plan_s, self.cell.time_s - started_s)

    def state(self) -> RobotState:
        """What the hand's own sensors say; there are no arm joints."""
        return self.robot_state(np.zeros(7), np.zeros(7), float(self._finger_width_m()))

    def _finger_width_m(self) -> float:
        joints = self.cell.joints()
        fingers = [joints.names.index(n) for n in self.robot.finger_joint_names]
        return joints.position[fingers].sum()

    def _reach(self, grasp: Grasp) -> bool:
        """Come straight in; True where something stopped the hand."""
        T = grasp.T_world_grasp
        before = T.copy()
        before[:3, 3] -= self.planner.config.execution.approach_m * T[:3, 2]
        above = before.copy()
        above[2, 3] = max(PARKED_M[2], before[2, 3])
        self.cell.command_gripper(GripperCommand(grasp.opening_m, grasp.force_n))
        return self._move([above, before, T], [0.0, 1.0, 2.0])

    def _lift(self, grasp: Grasp) -> None:
        up = grasp.T_world_grasp.copy()
        up[2, 3] += self.planner.config.execution.lift_m
        self._move([grasp.T_world_grasp, up], [0.0, 1.5])

    def _move(self, poses: list[np.ndarray], times_s: list[float]) -> bool:
        self.cell.command_hand(np.array(times_s), np.stack(poses))
        pressed = False
        for _ in range(round((times_s[-1] + MARGIN_S) / CONTROL_PERIOD_S)):
            self.cell.step(CONTROL_PERIOD_S)
            force_n = np.linalg.norm(self.cell.wrench().force_n)
            pressed |= bool(force_n > self.planner.config.execution.max_contact_n)
        return pressed

    def _hand_to(self, command: GripperCommand, duration_s: float) -> None:
        self.cell.command_gripper(command)
        self.cell.step(duration_s)

    def _holding(self) -> bool:
        return holds(self.state(), self.planner.config.execution)

    def _lifted(self, heights: dict[str, float]) -> tuple[str, ...]:
        """What hangs higher than before by half the lift, by ground truth."""
        least = 0.5 * self.planner.config.execution.lift_m
        return tuple(
            t.name
            for t in self.cell.ground_truth()
            if t.T_world_object[2, 3] - heights[t.name] > least
        )

    def _take(self, names: tuple[str, ...]) -> None:
        for name in names:
            self.cell.remove(name)
        self._removed += names

    def _park(self) -> None:
        T = np.diag([1.0, -1.0, -1.0, 1.0])
        T[:3, 3] = PARKED_M
        self.cell.command_gripper(GripperCommand(0.08, 20.0))
        self._move([T, T], [0.0, 0.5])
