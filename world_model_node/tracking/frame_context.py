"""What is the same for all objects of one frame at the scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.visibility import VisibilityModel
from world_model_node.tracking.sensor_observation import SensorObservation


@dataclass(frozen=True)
class FrameContext:
    """One frame, all sensors taken together."""

    stamp_s: float
    dt_s: float  # since the one before
    visibility: VisibilityModel
    cloud: PointGrid  # of all that is seen
    sensor_observations: tuple[SensorObservation, ...]  # of sensors that saw something new
    table_height_m: float
    gravity_mps2: float
    T_world_grasp: np.ndarray | None = None  # (4, 4) of the hand, if there is one
