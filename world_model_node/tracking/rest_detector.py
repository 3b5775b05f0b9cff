"""Detection of the end of a motion, by registered poses or by equal views."""

from __future__ import annotations

import numpy as np

from world_model_node.fusion.point_grid import PointGrid
from world_model_node.tracking.surface.registration import rms_displacement
from world_model_node.tracking.tracker_config import TrackerConfig


class RestDetector:
    """Counts the consecutive frames in which an object stays in place."""

    def __init__(self, T_world_object: np.ndarray, config: TrackerConfig) -> None:
        self.config = config.moving
        self._grid_box_m = config.shape.grid_box_m
        self.T_previous = T_world_object  # (4, 4) in the previous frame
        self._still_frames = self._unchanged_frames = 0
        self._reference_m: np.ndarray | None = None

    @property
    def has_stopped(self) -> bool:
        """Whether the object has come to rest."""
        return (
            self._still_frames >= self.config.num_still_frames
            or self._unchanged_frames >= self.config.num_unchanged_frames
        )

    def update(self, seen_m: np.ndarray, T: np.ndarray, registered: bool) -> None:
        """Compare the seen points (N, 3) and the pose (4, 4) with those before.

        A pose that was not registered is no evidence of rest, an equal view is.
        """
        if self._reference_m is not None and self._is_unchanged(self._reference_m, seen_m):
            self._unchanged_frames += 1
        else:
            self._unchanged_frames, self._reference_m = 0, seen_m
        few = seen_m[:: max(1, len(seen_m) // self.config.num_step_points)].astype(float)
        step = rms_displacement(self.T_previous, T, few)
        still = step < self.config.still_m and registered
        self._still_frames = self._still_frames + 1 if still else 0
        self.T_previous = T

    def _is_unchanged(self, before_m: np.ndarray, now_m: np.ndarray) -> bool:
        """Whether two views (N, 3) and (M, 3) show the same surface in the same place."""
        few = now_m[:: max(1, len(now_m) // self.config.num_compared_points)]
        distance, _ = PointGrid(before_m, self._grid_box_m).nearest(few)
        percentile = np.percentile(distance, self.config.unchanged_percent)
        return float(percentile) < self.config.unchanged_m
