"""What happens in a tracking sequence: seeded pushes, and the arm passing by the camera.

Each sequence has every kind of push: nudges at the centre, blows off the centre that turn and
topple what they hit, blows at the height that sets round things rolling, and shoves that last.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from sakiyomi.geometry import inverse, make_transform, transform_points, twist_at
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ, WORKSPACE_CENTER_M
from simulation_node.objects.object_files import TrueObject

PUSH_TIMES_S = (1.0, 2.5, 4.0, 7.0, 8.5)
HEADING_SPREAD_RAD = 0.8  # off the way to the middle of the table
SHOVE_STEP_S = 1.0 / PHYSICS_HZ
SHOVE_GAIN = 0.6  # of the impulse that would bring a free point mass up to speed in one step
SWEEP_START_S, LEG_S = 4.5, 1.5
SWEEP_AT_M = ((0.62, -0.26, 0.36), (0.62, 0.26, 0.36))  # over the objects, before the camera
SAMPLES_PER_LEG = 30


@dataclass(frozen=True)
class PushKind:
    """Where and how hard; places in halves of the object's box, from its middle."""

    speed_mps: tuple[float, float]  # of the impulse over the mass, or of the pushing finger
    sideways: float  # at most, to either side
    height: tuple[float, float]
    duration_s: tuple[float, float] = (0.0, 0.0)  # none: a blow


NUDGE = PushKind((0.15, 0.6), 0.0, (0.0, 0.0))
BLOW = PushKind((0.4, 1.2), 0.7, (0.0, 0.7))
ROLL = PushKind((0.3, 0.9), 0.0, (0.4, 0.4))  # a ball's centre of percussion
SHOVE = PushKind((0.1, 0.35), 0.7, (-0.3, 0.1), (0.5, 1.0))
KINDS = (NUDGE, BLOW, ROLL, SHOVE, SHOVE)


@dataclass(frozen=True)
class Shove:
    """A finger that pushes one object along."""

    name: str
    at_m: np.ndarray  # (3,) object frame
    velocity_mps: np.ndarray  # (3,) world frame
    until_s: float


class Disturbances:
    """The events of one sequence, the same for the same seed."""

    def __init__(self, cell: SimulatedCell, robot: RobotModel, seed: int) -> None:
        self.cell, self.robot = cell, robot
        self._rng = np.random.default_rng([seed, 7])
        self._started_s = cell.time_s
        kinds = [KINDS[k] for k in self._rng.permutation(len(KINDS))]
        self._pushes = list(zip(PUSH_TIMES_S, kinds, strict=True))
        self._shove: Shove | None = None
        self._swept = False

    def step(self, duration_s: float) -> None:
        """Do what is due by now, and let the cell run on."""
        end_s = self.cell.time_s + duration_s
        self._act()
        while self._shove is not None and self.cell.time_s < end_s - 1e-6:
            self._press(self._shove)
            self.cell.step(SHOVE_STEP_S)
        self.cell.step(max(0.0, end_s - self.cell.time_s))

    def _act(self) -> None:
        elapsed_s = self.cell.time_s - self._started_s
        while self._pushes and elapsed_s >= self._pushes[0][0] - 1e-6:
            self._push(self._pushes.pop(0)[1])
        if not self._swept and elapsed_s >= SWEEP_START_S - 1e-6:
            self._swept = True
            q, _, _ = self.robot.joint_vector(self.cell.joints())
            trajectory = sweep(self.robot, q)
            if trajectory is not None:
                self.cell.command_arm(trajectory)

    def _push(self, kind: PushKind) -> None:
        """Hit one object, roughly towards the middle of the table so that it stays there."""
        items = self.cell.ground_truth()
        if not items:
            return
        item = items[int(self._rng.integers(len(items)))]
        heading = self._heading(item)
        at_m = self._place(item, kind, heading)
        velocity = self._rng.uniform(*kind.speed_mps) * heading
        lasts_s = self._rng.uniform(*kind.duration_s)
        if lasts_s > 0.0:
            local = transform_points(inverse(item.T_world_object), at_m[None])[0]
            self._shove = Shove(item.name, local, velocity, self.cell.time_s + lasts_s)
        else:
            self.cell.apply_impulse(item.name, item.mass_kg * velocity, at_m)

    def _heading(self, item: TrueObject) -> np.ndarray:
        inward = np.array(WORKSPACE_CENTER_M) - item.T_world_object[:2, 3]
        angle = np.arctan2(inward[1], inward[0]) + self._rng.uniform(
            -HEADING_SPREAD_RAD, HEADING_SPREAD_RAD
        )
        return np.array([np.cos(angle), np.sin(angle), 0.0])

    def _place(self, item: TrueObject, kind: PushKind, heading: np.ndarray) -> np.ndarray:
        """Where the push acts (3,), world frame: its centre of mass, or beside and above that."""
        surface = transform_points(item.T_world_object, self.cell.shape(item.name).vertices_m)
        side = np.array([-heading[1], heading[0], 0.0])
        lateral_m = self._rng.uniform(-kind.sideways, kind.sideways) * 0.5 * np.ptp(surface @ side)
        up = self._rng.uniform(*kind.height) * 0.5 * np.ptp(surface[:, 2])
        center = transform_points(item.T_world_object, item.center_of_mass[None])[0]
        return center + lateral_m * side + np.array([0.0, 0.0, up])

    def _press(self, shove: Shove) -> None:
        """Bring the pushed point up to the finger's speed; a finger never pulls."""
        item = next((t for t in self.cell.ground_truth() if t.name == shove.name), None)
        if item is None or self.cell.time_s >= shove.until_s:
            self._shove = None
            return
        T, speed = item.T_world_object, float(np.linalg.norm(shove.velocity_mps))
        heading, arm = shove.velocity_mps / speed, T[:3, :3] @ shove.at_m
        now = twist_at(item.twist, arm)[:3] @ heading
        impulse = SHOVE_GAIN * item.mass_kg * max(0.0, speed - now) * heading
        self.cell.apply_impulse(shove.name, impulse, T[:3, 3] + arm)


def sweep(robot: RobotModel, q_start: np.ndarray) -> JointTrajectory | None:
    """There and back between camera and objects, high enough to touch nothing; None: no way."""
    down = np.diag([1.0, -1.0, -1.0])
    corners = [q_start]
    for at in SWEEP_AT_M:
        q = robot.inverse_kinematics(make_transform(down, np.array(at)), corners[-1])
        if q is None:
            return None
        corners.append(q)
    return spline_through([*corners, corners[1], q_start], LEG_S)


def spline_through(corners: list[np.ndarray], leg_s: float) -> JointTrajectory:
    """A smooth motion that rests at each corner (n,)."""
    knots_s = leg_s * np.arange(len(corners))
    spline = CubicHermiteSpline(knots_s, np.array(corners), np.zeros((len(corners), 7)))
    times_s = np.linspace(0.0, knots_s[-1], SAMPLES_PER_LEG * (len(corners) - 1) + 1)
    return JointTrajectory(times_s, spline(times_s), spline(times_s, 1))
