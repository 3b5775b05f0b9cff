"""Every parameter of the simulation, once."""

from __future__ import annotations

from dataclasses import dataclass

from sakiyomi.parameters import NodeConfig, ParameterSet, parameter

PHYSICS_HZ = 240
BIN_LINK = 'bin'
TABLE_LINK = 'table'
WORKSPACE_CENTER_M = (0.50, 0.0)
WORKSPACE_SIDE_M = 0.30
BIN_SIDE_M, BIN_HEIGHT_M = 0.30, 0.12  # inner


@dataclass(frozen=True)
class CameraConfig(ParameterSet):
    """RGB-D camera; axial noise after Nguyen et al., Modeling Kinect sensor noise, 2012."""

    width: int = parameter(640, 'image width [px]', 16, 4096)
    height: int = parameter(480, 'image height [px]', 16, 4096)
    hfov_deg: float = parameter(65.0, 'horizontal field of view [deg]', 10.0, 150.0)
    rate_hz: float = parameter(10.0, 'frames per second', 0.1, 120.0)
    min_range_m: float = parameter(0.20, 'depth below this is a hole [m]', 0.0, 10.0)
    max_range_m: float = parameter(3.0, 'depth above this is a hole [m]', 0.1, 100.0)
    noise: float = parameter(1.0, 'scale of the axial depth noise; 0 switches it off', 0.0, 20.0)
    dropout: float = parameter(0.003, 'share of pixels lost at random', 0.0, 1.0)
    edge_hole: float = parameter(0.6, 'chance that a pixel at a depth edge is lost', 0.0, 1.0)
    grazing_deg: float = parameter(80.0, 'no depth beyond this incidence [deg]', 0.0, 90.0)
    color_noise: float = parameter(2.0, 'sigma of the colour noise [of 255]', 0.0, 100.0)


@dataclass(frozen=True)
class LidarConfig(ParameterSet):
    """Solid-state LiDAR with two counter-rotating prisms: the pattern never repeats."""

    rays: int = parameter(5000, 'rays per scan', 1, 1_000_000)
    rate_hz: float = parameter(10.0, 'scans per second', 0.1, 120.0)
    fov_deg: float = parameter(50.0, 'opening angle of the round field of view [deg]', 1.0, 150.0)
    noise_m: float = parameter(0.004, 'sigma of the range noise [m]', 0.0, 1.0)
    min_range_m: float = parameter(0.10, 'nearest return [m]', 0.0, 10.0)
    max_range_m: float = parameter(10.0, 'farthest return [m]', 0.1, 500.0)
    dropout: float = parameter(0.01, 'share of returns lost at random', 0.0, 1.0)
    grazing_deg: float = parameter(86.0, 'no return beyond this incidence [deg]', 0.0, 90.0)


@dataclass(frozen=True)
class TouchConfig(ParameterSet):
    """Tactile pads, wrist sensor and joint encoders."""

    rate_hz: float = parameter(60.0, 'readings of touch, wrench and joints a second', 1.0, 240.0)
    spread_m: float = parameter(0.003, 'sigma of the kernel that spreads a contact [m]', 1e-4, 0.1)
    taxel_noise_n: float = parameter(0.005, 'sigma per taxel and axis [N]', 0.0, 10.0)
    force_noise_n: float = parameter(0.05, 'sigma of the wrist force [N]', 0.0, 10.0)
    torque_noise_nm: float = parameter(0.005, 'sigma of the wrist torque [N m]', 0.0, 10.0)
    wrench_bandwidth_hz: float = parameter(20.0, 'low-pass of the wrist sensor [Hz]', 0.1, 120.0)
    encoder_noise_rad: float = parameter(1e-5, 'sigma of joint positions [rad, m]', 0.0, 0.1)
    encoder_velocity_noise: float = parameter(1e-3, 'sigma of joint velocities [rad/s]', 0.0, 1.0)


@dataclass(frozen=True)
class SimulationConfig(NodeConfig):
    """The work cell and what lies in it."""

    objects: str = parameter('random_urdfs', 'folder of URDFs or meshes, or random_urdfs')
    scene: str = parameter(
        'packed', 'how objects are laid out', options=('packed', 'pile', 'empty')
    )
    count: int = parameter(5, 'objects on the table', 0, 100)
    seed: int = parameter(0, 'of the scene and of all sensor noise', 0, 2**63 - 1)
    hand_only: bool = parameter(False, 'a free-flying hand instead of the arm')
    real_time_factor: float = parameter(
        1.0, 'simulated seconds per second; 0: no limit', 0.0, 100.0
    )
    max_lead_s: float = parameter(
        0.12,
        'how far simulated time runs ahead of the newest picture that the world model has'
        ' answered; 0: no limit [s]',
        0.0,
        10.0,
    )
    lockstep: bool = parameter(
        False,
        'each picture waits for the world model and each robot state for the planner: what a seed'
        ' gives does not depend on the machine; no camera faster than the world model',
    )
    gripper_speed_mps: float = parameter(
        0.10, 'how fast the opening between the pads changes [m/s]', 0.001, 1.0
    )
    camera: CameraConfig = CameraConfig()
    lidar: LidarConfig = LidarConfig()
    touch: TouchConfig = TouchConfig()
