"""The force at the wrist beyond that at the last tare."""

from __future__ import annotations

from collections import deque

import numpy as np

from planner_node.config import ExecutionConfig
from sakiyomi.scene import RobotState


class WristLoad:
    """Averages the wrist's force over a short time, less its tare."""

    def __init__(self, config: ExecutionConfig) -> None:
        self._config = config
        self._samples: deque[tuple[float, np.ndarray]] = deque(maxlen=400)
        self._tare_n = np.zeros(3)

    def add(self, state: RobotState) -> None:
        """Add a state."""
        self._samples.append((state.stamp_s, np.asarray(state.wrench[:3], float)))
        while state.stamp_s - self._samples[0][0] > self._config.load_window_s:
            self._samples.popleft()

    def tare(self) -> None:
        """Count from the present force at the wrist; the arm must be at rest."""
        self._tare_n = self._mean()

    def latest_n(self) -> float:
        """Size of the newest force, hand frame [N]."""
        return float(np.linalg.norm(self._samples[-1][1] - self._tare_n)) if self._samples else 0.0

    def mean_n(self) -> float:
        """Size of the average force [N]."""
        return float(np.linalg.norm(self._mean() - self._tare_n))

    def _mean(self) -> np.ndarray:
        return np.mean([f for _, f in self._samples], axis=0) if self._samples else np.zeros(3)
