"""The newest reading of each of the robot's own sensors, merged into one RobotState."""

from __future__ import annotations

import numpy as np

from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import RobotState
from sakiyomi.sensing import JointReading, TactileReading, WrenchReading

SIDES = ('left', 'right')
SAME_INSTANT_S = 1e-6


class RobotInput:
    """Collects readings as they arrive; a force sensor without a reading counts as zero.

    Joint states may come in parts, such as the arm's and the hand's from drivers of their own.
    """

    def __init__(self, robot: RobotModel):
        self._robot = robot
        self._joints: dict[str, tuple[float, float]] = {}
        self._joint_stamps_s: dict[str, float] = {}
        self._touch_stamps_s: dict[str, float] = {}
        self._force_n = dict.fromkeys(SIDES, 0.0)
        self._wrench: np.ndarray | None = None

    def add_joints(self, reading: JointReading) -> None:
        """Positions and velocities of some or all joints."""
        pairs = zip(reading.position, reading.velocity, strict=True)
        self._joints.update(zip(reading.names, pairs, strict=True))
        self._joint_stamps_s.update(dict.fromkeys(reading.names, reading.stamp_s))

    def add_tactile(self, reading: TactileReading) -> None:
        """The normal force of one pad is the sum over its taxels; z points into the finger."""
        self._touch_stamps_s[reading.side] = reading.stamp_s
        self._force_n[reading.side] = float(max(reading.forces_n[:, 2].sum(), 0.0))

    def add_wrench(self, reading: WrenchReading) -> None:
        """Force and torque at the wrist."""
        self._touch_stamps_s['wrench'] = reading.stamp_s
        self._wrench = np.concatenate([reading.force_n, reading.torque_nm])

    @property
    def wrench_known(self) -> bool:
        """Whether the wrist sensor has delivered a reading."""
        return self._wrench is not None

    def is_complete(self, stamp_s: float) -> bool:
        """Whether every force sensor in use has delivered a reading of this instant."""
        return all(s >= stamp_s - SAME_INSTANT_S for s in self._touch_stamps_s.values())

    def state(self) -> RobotState | None:
        """The newest state, or None before every joint has a reading.

        The stamp is that of the arm's oldest joint reading: fresh readings of the fingers do not
        make an arm fresh whose readings have stopped.
        """
        wanted = (*self._robot.arm_joint_names, *self._robot.finger_joint_names)
        if any(name not in self._joints for name in wanted):
            return None
        position, velocity = np.array([self._joints[name] for name in wanted]).T
        stamp_s = min(self._joint_stamps_s[name] for name in self._robot.arm_joint_names)
        reading = JointReading(stamp_s, wanted, position, velocity)
        q, dq, width_m = self._robot.joint_vector(reading)
        force_n = np.array([self._force_n[side] for side in SIDES])
        wrench = np.zeros(6) if self._wrench is None else self._wrench
        return RobotState(stamp_s, q, dq, width_m, force_n, wrench, self._wrench is not None)
