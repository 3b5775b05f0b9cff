"""The data of one update that all tracks share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.fusion.visibility import VisibilityModel


@dataclass(frozen=True)
class FrameContext:
    """One update, with the frames of all sensors."""

    stamp_s: float
    dt_s: float  # since the previous update
    visibility: VisibilityModel
    cloud: PointGrid  # all seen points of objects
    sensor_observations: tuple[SensorObservation, ...]  # frames since the previous update
    table_height_m: float
    gravity_mps2: float
    T_world_grasp: np.ndarray | None = None  # (4, 4) of the hand, if there is one

    @property
    def camera_observations(self) -> list[SensorObservation]:
        """The camera's frames since the previous update."""
        return [o for o in self.sensor_observations if o.stream == 'camera']
