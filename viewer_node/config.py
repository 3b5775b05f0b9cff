"""Parameters of the viewer node."""

from __future__ import annotations

from dataclasses import dataclass

from sakiyomi.parameters import NodeConfig, parameter


@dataclass(frozen=True)
class ViewerConfig(NodeConfig):
    """How the page is served and how much of the world it shows."""

    host: str = parameter(
        '127.0.0.1', 'address the page is served at; 0.0.0.0 shows it to the net'
    )
    port: int = parameter(8080, 'TCP port of the page', 1, 65535)
    rate_hz: float = parameter(6.0, 'refreshes of the page per second, at most [Hz]', 0.5, 15.0)
    robot_description: str = parameter(
        '', "the arm's URDF file; empty: the one that urdf/robot.yaml names"
    )
    sensor_description: str = parameter(
        '', 'URDF file of the sensors and the work cell; empty: urdf/workcell.urdf'
    )
    max_cloud_points: int = parameter(
        12000, 'points of the fused cloud drawn, at most', 100, 200000
    )
    image_width: int = parameter(360, 'width of the camera picture on the page [px]', 64, 1920)
    jpeg_quality: int = parameter(70, 'JPEG quality of the camera picture', 10, 95)
    ghost_stride: int = parameter(5, 'prediction steps from one ghost to the next', 1, 20)
    ghost_points: int = parameter(160, 'points drawn per ghost, at most', 10, 2000)
    ghost_min_motion_m: float = parameter(
        0.005, 'ghosts are drawn for objects predicted to move more than this [m]', 0.0, 1.0
    )
    tactile_full_scale_n: float = parameter(
        2.0, 'force on one taxel at the hot end of the heat map [N]', 0.01, 100.0
    )
    push_impulse_ns: float = parameter(0.03, 'impulse of the push button [N s]', 0.001, 10.0)
    throw_flight_s: float = parameter(0.6, 'flight time of a thrown object [s]', 0.2, 2.0)
