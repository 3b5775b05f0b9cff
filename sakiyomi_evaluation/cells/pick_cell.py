"""Run picks in a simulated cell with the nodes' own cores and no middleware between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.core import PickPlanner, PickRequest
from planner_node.execution import PickExecution
from planner_node.grasping.grasp import Grasp
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import GripperCommand, JointTrajectory, RobotState, Scene
from sakiyomi.sensing import CameraFrame, JointReading, LidarScan, TactileReading
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel

CONTROL_PERIOD_S = 0.02
SENSOR_PERIOD_S = 0.1


@dataclass(frozen=True)
class PickRecord:
    """One attempt."""

    object_id: int
    predicted_success: float
    outcome: str
    reason: str
    in_bin: tuple[str, ...]  # what the attempt brought into the bin, by ground truth
    plan_s: float
    execution_s: float  # simulated time
    features: dict

    @staticmethod
    def of(
        grasp: Grasp,
        outcome: str,
        reason: str,
        in_bin: tuple[str, ...],
        plan_s: float,
        execution_s: float,
    ) -> PickRecord:
        """The record of an attempt with this grasp."""
        return PickRecord(
            object_id=grasp.object_id,
            predicted_success=grasp.predicted_success,
            outcome=outcome,
            reason=reason,
            in_bin=in_bin,
            plan_s=plan_s,
            execution_s=execution_s,
            features=vars(grasp.features) | {'opening_m': grasp.opening_m},
        )


class PickCell:
    """A simulated cell, a world model and a planner wired together as the nodes are."""

    def __init__(self, cell: SimulatedCell, planner: PlannerConfig, model: WorldModelConfig):
        self.cell = cell
        self.robot = RobotModel(cell.description)
        self.model_config = model
        self.model = WorldModel(model, self.robot)
        self.planner = PickPlanner(planner, self.robot)

    def reset(self, seed: int) -> None:
        """A new scene, and a world model that knows nothing of the last one."""
        self.cell.reset(seed)
        self.model = WorldModel(self.model_config, self.robot)

    def observe(self, duration_s: float = 0.5) -> Scene:
        """Let the sensors run for a while; the scene that the world model makes of it."""
        for _ in range(round(duration_s / SENSOR_PERIOD_S)):
            self.cell.step(SENSOR_PERIOD_S)
            cell = self.cell
            self.take(cell.camera_frame(), cell.lidar_scan(), cell.tactile(), cell.joints())
            scene = self.model.update(self.cell.time_s)
        return scene

    def take(
        self,
        frame: CameraFrame,
        scan: LidarScan,
        pads: tuple[TactileReading, TactileReading],
        joints: JointReading,
    ) -> None:
        """Give the world model what the sensors say at one instant."""
        self.model.add_joints(joints)
        for pad in pads:
            self.model.add_tactile(pad)
        self.model.add_lidar(scan)
        self.model.add_camera(frame)

    @property
    def cleared(self) -> list[str]:
        """What is off the table, by ground truth."""
        return self.cell.names_in_bin()

    def state(self) -> RobotState:
        """What the robot's own sensors say of it."""
        return self.robot_state(*self.robot.joint_vector(self.cell.joints()))

    def robot_state(self, q: np.ndarray, dq: np.ndarray, width_m: float) -> RobotState:
        """Joints with what the pads and the wrist feel at this instant."""
        wrench = self.cell.wrench()
        return RobotState(
            stamp_s=self.cell.time_s,
            q=q,
            dq=dq,
            finger_width_m=width_m,
            finger_force_n=np.array(
                [np.linalg.norm(r.forces_n.sum(0)) for r in self.cell.tactile()]
            ),
            wrench=np.concatenate([wrench.force_n, wrench.torque_nm]),
        )

    def pick(self, request: PickRequest | None = None) -> PickRecord:
        """Observe, plan and carry out one pick.

        Raises:
            PlanError: nothing could be planned.
        """
        scene = self.observe()
        plan = self.planner.plan(scene, self.state(), request or PickRequest())
        before = set(self.cleared)
        started_s = self.cell.time_s
        execution = PickExecution(plan, self.planner.config.execution)
        while not execution.done and self.cell.time_s - started_s < 60.0:
            for command in execution.step(self.state()):
                self._send(command)
            self.cell.step(CONTROL_PERIOD_S)
        return PickRecord.of(
            plan.grasp,
            execution.outcome or 'timeout',
            execution.reason,
            tuple(sorted(set(self.cleared) - before)),
            plan.plan_s,
            self.cell.time_s - started_s,
        )

    def _send(self, command: JointTrajectory | GripperCommand) -> None:
        if isinstance(command, JointTrajectory):
            self.cell.command_arm(command)
        else:
            self.cell.command_gripper(command)
