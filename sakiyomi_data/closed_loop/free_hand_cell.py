"""The empty cell in which interactions are played before a real camera's rate of pictures."""

from __future__ import annotations

from simulation_node.cell import SimulatedCell
from simulation_node.config import CameraConfig, LidarConfig, SimulationConfig

WIDTH, HEIGHT = 320, 240
CAMERA_HZ = 30.0  # as depth cameras run; the live simulation would take a whole core for it


def free_hand_cell(
    width: int = WIDTH, height: int = HEIGHT, rays: int | None = None
) -> SimulatedCell:
    """A cell with a hand and no arm.

    Args:
        width: of the camera's picture [px].
        height: of the camera's picture [px].
        rays: of one LiDAR scan; None: as configured.
    """
    lidar = LidarConfig() if rays is None else LidarConfig(rays=rays)
    camera = CameraConfig(width=width, height=height, rate_hz=CAMERA_HZ)
    config = SimulationConfig(scene='empty', count=0, hand_only=True, camera=camera, lidar=lidar)
    return SimulatedCell(config)
