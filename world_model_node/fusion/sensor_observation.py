"""The points of objects in one frame of one range sensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class SensorObservation:
    """One frame of a range sensor; its points are computed on first use."""

    stream: str  # 'camera' or 'lidar'
    age_s: float  # at the stamp of the update
    compute_points: Callable[[], np.ndarray]

    @cached_property
    def points_m(self) -> np.ndarray:
        """Points above the table without the robot, at the frame's own stamp (N, 3) float32."""
        return self.compute_points()
