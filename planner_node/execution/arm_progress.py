"""Where on its path an arm really is, by its encoders."""

from __future__ import annotations

import numpy as np

from planner_node.config import ExecutionConfig
from sakiyomi.scene import JointTrajectory


class ArmProgress:
    """Follows the measured joints along one motion.

    Attributes:
        path_s: the motion's own time at the point of its path that the arm is nearest to.
        error_rad: how far the worst joint is from that point.
        worst_joint: index of that joint.
    """

    def __init__(
        self, trajectory: JointTrajectory, config: ExecutionConfig, path_s: float = 0.0
    ) -> None:
        self.trajectory, self._config = trajectory, config
        self.path_s = path_s
        self.error_rad, self.worst_joint = 0.0, 0
        self._last_progress_s: float | None = None
        self._last_path_s = path_s

    def update(self, q: np.ndarray, reference_s: float, now_s: float) -> None:
        """Take in measured joints (n,) while the reference is at `reference_s`."""
        around_s = self._config.progress_window_s
        low = min(self.path_s, reference_s) - around_s
        high = max(self.path_s, reference_s) + around_s
        times_s = self.trajectory.times_s
        near = np.flatnonzero((times_s >= low) & (times_s <= high))
        if not len(near):
            near = np.array([int(np.abs(times_s - reference_s).argmin())])
        errors = np.abs(self.trajectory.q[near] - q)  # (K, n)
        best = int(errors.max(axis=1).argmin())
        self.path_s = float(times_s[near[best]])
        self.worst_joint = int(errors[best].argmax())
        self.error_rad = float(errors[best].max())
        moved = abs(self.path_s - self._last_path_s) >= self._config.min_progress_s
        if self._last_progress_s is None or moved:
            self._last_progress_s, self._last_path_s = now_s, self.path_s

    def stalled_for_s(self, now_s: float) -> float:
        """For how long the arm has made no progress."""
        return 0.0 if self._last_progress_s is None else now_s - self._last_progress_s
