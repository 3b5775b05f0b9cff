"""Arm and gripper commands between trajectory_msgs/JointTrajectory and the core's types.

The gripper takes a position for each finger joint, by its map from the width between the pads, and
the force limit as its effort.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from sakiyomi.errors import BadInputError
from sakiyomi.robot.gripper_kinematics import GripperKinematics
from sakiyomi.scene import GripperCommand, JointTrajectory
from sakiyomi_ros.messages.conversions import (
    finite_floats,
    from_duration,
    from_stamp,
    header,
    to_duration,
)

GRIPPER_DURATION_S = 0.5  # a hint in the message; the force limit and the fingers decide


def to_arm_message(
    trajectory: JointTrajectory, names: Sequence[str], start_s: float = 0.0
) -> JointTrajectoryMessage:
    """A trajectory of the named joints whose time 0 is at `start_s`; 0 starts it on arrival."""
    message = JointTrajectoryMessage(header=header(start_s, ''), joint_names=list(names))
    message.points = [
        JointTrajectoryPoint(positions=q, velocities=dq, time_from_start=to_duration(time_s))
        for time_s, q, dq in zip(
            trajectory.times_s.tolist(), trajectory.q.tolist(), trajectory.dq.tolist(), strict=True
        )
    ]
    return message


def from_arm_message(message: JointTrajectoryMessage, names: Sequence[str]) -> JointTrajectory:
    """The trajectory with its joints in the order of `names`.

    Velocities that the message leaves out are the finite differences of its positions. An empty
    message, which ROS controllers take as a stop, is refused here: see `is_stop`.

    Raises:
        BadInputError: wrong joints, lengths that differ, or times that do not increase.
    """
    if sorted(message.joint_names) != sorted(names):
        got = ', '.join(message.joint_names)
        raise BadInputError(f'trajectory joints: got {got}, expected {", ".join(names)}')
    if not message.points:
        raise BadInputError('trajectory: got no points, expected at least one')
    columns = [message.joint_names.index(name) for name in names]
    q = _table([point.positions for point in message.points], len(names), 'positions')[:, columns]
    times_s = np.array([from_duration(point.time_from_start) for point in message.points])
    if times_s[0] < 0.0 or (np.diff(times_s) <= 0.0).any():
        raise BadInputError(f'trajectory times: got {times_s.tolist()}, expected increasing ones')
    velocities = [point.velocities for point in message.points]
    if all(len(v) for v in velocities):
        dq = _table(velocities, len(names), 'velocities')[:, columns]
    else:
        dq = np.gradient(q, times_s, axis=0) if len(q) > 1 else np.zeros_like(q)
    return JointTrajectory(times_s, q, dq)


def start_of(message: JointTrajectoryMessage) -> float | None:
    """When the trajectory's time 0 is [s]; None for a zero stamp: on arrival."""
    return from_stamp(message.header.stamp) or None


def is_stop(message: JointTrajectoryMessage) -> bool:
    """Whether the message has no points: hold where you are, as ROS controllers read it."""
    return not message.points


def to_gripper_message(
    command: GripperCommand,
    names: Sequence[str],
    fingers: GripperKinematics,
    with_effort: bool = True,
) -> JointTrajectoryMessage:
    """A one-point trajectory of the finger joints, which starts on arrival.

    A controller of positions alone refuses points with effort.
    """
    n = len(names)
    point = JointTrajectoryPoint(
        positions=[fingers.position(command.width_m)] * n,
        effort=[float(command.force_n)] * n if with_effort else [],
        time_from_start=to_duration(GRIPPER_DURATION_S),
    )
    message = JointTrajectoryMessage(header=header(0.0, ''), joint_names=list(names))
    message.points = [point]
    return message


def from_gripper_message(
    message: JointTrajectoryMessage, names: Sequence[str], default_force_n: float
) -> GripperCommand:
    """The last point's opening and effort, for fingers that each go half of the way.

    One of the finger joints is enough.

    Raises:
        BadInputError: unknown joints, no points, or numbers that are missing or not finite.
    """
    unknown = [name for name in message.joint_names if name not in names]
    if unknown or not message.joint_names:
        got = ', '.join(message.joint_names) or 'none'
        raise BadInputError(f'gripper joints: got {got}, expected some of {", ".join(names)}')
    if not message.points:
        raise BadInputError('gripper trajectory: got no points, expected at least one')
    point = message.points[-1]
    n = len(message.joint_names)
    opening = _table([point.positions], n, 'gripper positions')[0]
    effort = [default_force_n]
    if len(point.effort):
        effort = _table([point.effort], n, 'gripper effort')[0]
    if min(opening) < 0.0 or min(effort) < 0.0:
        raise BadInputError(
            f'gripper: got opening {min(opening)} m and effort {min(effort)} N, expected neither'
            ' to be negative'
        )
    return GripperCommand(2.0 * float(np.mean(opening)), float(np.max(effort)))


def _table(rows: Sequence[Sequence[float]], width: int, what: str) -> np.ndarray:
    for row in rows:
        if len(row) != width:
            raise BadInputError(f'{what}: got {len(row)} numbers, expected {width}')
    return np.stack([finite_floats(row, what) for row in rows])
