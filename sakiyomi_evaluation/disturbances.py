"""What happens in a tracking sequence: seeded pushes, and the arm passing by the camera."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from sakiyomi.geometry import make_transform
from sakiyomi.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory
from simulation_node.cell import SimulatedCell
from simulation_node.config import WORKSPACE_CENTER_M

PUSH_TIMES_S = (1.0, 2.5, 4.0, 7.0, 8.5)
PUSH_SPEEDS_MPS = (0.15, 0.6)  # right after the blow
SWEEP_START_S, LEG_S = 4.5, 1.5
SWEEP_AT_M = ((0.62, -0.26, 0.36), (0.62, 0.26, 0.36))  # over the objects, before the camera
SAMPLES_PER_LEG = 30


class Disturbances:
    """The events of one sequence, the same for the same seed."""

    def __init__(self, cell: SimulatedCell, robot: RobotModel, seed: int) -> None:
        self.cell, self.robot = cell, robot
        self._rng = np.random.default_rng([seed, 7])
        self._started_s = cell.time_s
        self._pushes = list(PUSH_TIMES_S)
        self._swept = False

    def act(self) -> None:
        """Do what is due by now."""
        elapsed_s = self.cell.time_s - self._started_s
        while self._pushes and elapsed_s >= self._pushes[0] - 1e-6:
            self._pushes.pop(0)
            self._push()
        if not self._swept and elapsed_s >= SWEEP_START_S - 1e-6:
            self._swept = True
            q, _, _ = self.robot.joint_vector(self.cell.joints())
            trajectory = sweep(self.robot, q)
            if trajectory is not None:
                self.cell.command_arm(trajectory)

    def _push(self) -> None:
        """Hit one object, roughly towards the middle of the table so that it stays there."""
        items = self.cell.ground_truth()
        if not items:
            return
        item = items[int(self._rng.integers(len(items)))]
        inward = np.array(WORKSPACE_CENTER_M) - item.T_world_object[:2, 3]
        heading = np.arctan2(inward[1], inward[0]) + self._rng.uniform(-0.8, 0.8)
        speed = self._rng.uniform(*PUSH_SPEEDS_MPS)
        impulse = item.mass_kg * speed * np.array([np.cos(heading), np.sin(heading), 0.0])
        self.cell.push(item.name, impulse)


def sweep(robot: RobotModel, q_start: np.ndarray) -> JointTrajectory | None:
    """There and back between camera and objects, high enough to touch nothing; None: no way."""
    down = np.diag([1.0, -1.0, -1.0])
    corners = [q_start]
    for at in SWEEP_AT_M:
        q = robot.inverse_kinematics(make_transform(down, np.array(at)), corners[-1])
        if q is None:
            return None
        corners.append(q)
    return through([*corners, corners[1], q_start], LEG_S)


def through(corners: list[np.ndarray], leg_s: float) -> JointTrajectory:
    """A smooth motion that rests at each corner (n,)."""
    knots_s = leg_s * np.arange(len(corners))
    spline = CubicHermiteSpline(knots_s, np.array(corners), np.zeros((len(corners), 7)))
    times_s = np.linspace(0.0, knots_s[-1], SAMPLES_PER_LEG * (len(corners) - 1) + 1)
    return JointTrajectory(times_s, spline(times_s), spline(times_s, 1))
