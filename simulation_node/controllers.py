"""What the robot's own controllers do with commands: follow a trajectory, move the fingers."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform
from sakiyomi.scene import GripperCommand, JointTrajectory

MAX_START_ERROR_RAD = 0.30
MAX_AGE_S = 0.1  # a goal that ended longer ago was stamped by another clock


class TrajectoryFollower:
    """Cubic interpolation between waypoints; holds the last one."""

    def __init__(self, q: np.ndarray):
        self.hold_position(q)

    def hold_position(self, q: np.ndarray) -> None:
        """Stay at `q`. Shape (n,), rad."""
        self._start_s = 0.0
        self._trajectory = JointTrajectory(np.zeros(1), q[None].copy(), np.zeros((1, len(q))))

    def follow(
        self,
        trajectory: JointTrajectory,
        now_s: float,
        q: np.ndarray,
        start_s: float | None = None,
    ) -> None:
        """Replace whatever runs by `trajectory`, whose time 0 is at `start_s` (None: now).

        What is already past of a trajectory is skipped, as ros2_control's controller does.

        Raises:
            BadInputError: malformed, not finite, over, or elsewhere than the measured `q`.
        """
        start_s = now_s if start_s is None else start_s
        check_trajectory(trajectory, len(q))
        if now_s - start_s > trajectory.duration_s + MAX_AGE_S:
            raise BadInputError(
                f'trajectory: got one that ended {now_s - start_s - trajectory.duration_s:.2f} s'
                f' ago, expected at most {MAX_AGE_S} s'
            )
        error = float(np.abs(_sample(trajectory, now_s - start_s)[0] - q).max())
        if error > MAX_START_ERROR_RAD:
            raise BadInputError(
                f'trajectory start: got {error:.2f} rad from the arm, '
                f'expected at most {MAX_START_ERROR_RAD}'
            )
        self._trajectory, self._start_s = trajectory, start_s

    def done(self, now_s: float) -> bool:
        """Whether the last waypoint's time has passed."""
        return now_s - self._start_s >= self._trajectory.duration_s

    def sample(self, now_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Position (n,) and velocity (n,) wanted at `now_s`."""
        return _sample(self._trajectory, now_s - self._start_s)


def _sample(trajectory: JointTrajectory, time_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Position (n,) and velocity (n,) at a time from the start, at rest beyond the ends."""
    q, dq = trajectory.sample(np.array([time_s]))
    return q[0], dq[0]


def check_trajectory(trajectory: JointTrajectory, joints: int) -> None:
    """Refuse what no controller could follow.

    Raises:
        BadInputError: names what is wrong.
    """
    times, q, dq = trajectory.times_s, trajectory.q, trajectory.dq
    if times.ndim != 1 or not len(times) or q.shape != (len(times), joints) or dq.shape != q.shape:
        raise BadInputError(
            f'trajectory: got shapes {times.shape}, {q.shape}, {dq.shape}, '
            f'expected (T,), (T, {joints}), (T, {joints})'
        )
    if not all(np.isfinite(a).all() for a in (times, q, dq)):
        raise BadInputError('trajectory: got values that are not finite')
    if times[0] < 0.0 or (np.diff(times) <= 0.0).any():
        raise BadInputError('trajectory: got times that do not grow, expected 0 <= t0 < t1 < ...')


class PoseFollower:
    """Straight lines and even turns between poses; holds the last one."""

    def __init__(self, T: np.ndarray):
        self._start_s, self._times_s, self._poses = 0.0, np.zeros(1), T[None].copy()

    def follow(self, times_s: np.ndarray, poses: np.ndarray, now_s: float) -> None:
        """Replace whatever runs by poses (T, 4, 4) at `times_s` (T,) from now.

        Raises:
            BadInputError: shapes that do not match, values not finite, or times that do not grow.
        """
        times_s = np.asarray(times_s, float)
        if times_s.ndim != 1 or not len(times_s) or poses.shape != (len(times_s), 4, 4):
            raise BadInputError(
                f'hand motion: got shapes {times_s.shape}, {poses.shape}, expected (T,), (T, 4, 4)'
            )
        if not (np.isfinite(poses).all() and np.isfinite(times_s).all()):
            raise BadInputError('hand motion: got values that are not finite')
        if (np.diff(times_s) <= 0.0).any():
            raise BadInputError('hand motion: got times that do not grow, expected t0 < t1 < ...')
        self._start_s, self._times_s, self._poses = now_s, times_s, poses

    def done(self, now_s: float) -> bool:
        """Whether the last pose's time has passed."""
        return now_s - self._start_s >= self._times_s[-1]

    def sample(self, now_s: float) -> np.ndarray:
        """The pose (4, 4) wanted at `now_s`."""
        t = now_s - self._start_s
        i = int(np.searchsorted(self._times_s, t, side='right')) - 1
        if i < 0 or i + 1 >= len(self._times_s):
            return self._poses[max(i, 0)]
        s = (t - self._times_s[i]) / (self._times_s[i + 1] - self._times_s[i])
        T0, T1 = self._poses[i], self._poses[i + 1]
        turn = Rotation.from_matrix(T0[:3, :3].T @ T1[:3, :3]).as_rotvec()
        R = T0[:3, :3] @ Rotation.from_rotvec(s * turn).as_matrix()
        return make_transform(R, (1 - s) * T0[:3, 3] + s * T1[:3, 3])


class GripperDrive:
    """Moves the wanted opening at a bounded speed; the force limit is the motor's."""

    HOLD_FORCE_N = 40.0  # until the first command

    def __init__(self, width_m: float, speed_mps: float):
        self._speed_mps = speed_mps
        self._from_m = self._to_m = width_m
        self._start_s, self._force_n = 0.0, self.HOLD_FORCE_N

    def command(self, command: GripperCommand, now_s: float, width_m: float) -> None:
        """Head for the command's opening from the present one.

        Raises:
            BadInputError: an opening or force that no gripper has.
        """
        if not (np.isfinite(command.width_m) and command.width_m >= 0.0):
            raise BadInputError(f'gripper width: got {command.width_m!r} m, expected 0 or more')
        if not (np.isfinite(command.force_n) and command.force_n > 0.0):
            raise BadInputError(f'gripper force: got {command.force_n!r} N, expected more than 0')
        self._from_m, self._to_m = width_m, command.width_m
        self._start_s, self._force_n = now_s, command.force_n

    def sample(self, now_s: float) -> tuple[float, float]:
        """The opening [m] wanted at `now_s` and the force limit [N]."""
        reach = self._speed_mps * max(now_s - self._start_s, 0.0)
        change = np.clip(self._to_m - self._from_m, -reach, reach)
        return float(self._from_m + change), self._force_n
