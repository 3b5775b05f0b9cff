"""The parameters of the world model, each with its one default."""

from __future__ import annotations

from dataclasses import dataclass

from sakiyomi.parameters import NodeConfig, ParameterSet, parameter


@dataclass(frozen=True)
class TimingConfig(ParameterSet):
    """Which messages belong together."""

    camera_buffer: int = parameter(8, 'camera frames kept', 1, 100)
    lidar_buffer: int = parameter(10, 'LiDAR scans kept', 1, 100)
    tactile_buffer: int = parameter(50, 'tactile readings kept per pad', 1, 1000)
    joint_buffer: int = parameter(400, 'joint and wrench readings kept', 2, 10000)
    lidar_window_s: float = parameter(0.55, 'LiDAR scans of still objects accumulate for [s]', 0.0)
    camera_stale_s: float = parameter(0.5, 'a camera frame older than this is stale [s]', 0.01)
    lidar_stale_s: float = parameter(0.5, 'a LiDAR scan older than this is stale [s]', 0.01)
    tactile_stale_s: float = parameter(0.3, 'a taxel reading older than this is stale [s]', 0.01)
    joints_stale_s: float = parameter(0.3, 'a joint reading older than this is stale [s]', 0.01)
    clock_jump_s: float = parameter(1.0, 'time that runs back by this resets everything [s]', 0.1)
    future_s: float = parameter(0.2, 'a stamp this far ahead of the clock is not used yet [s]', 0)


@dataclass(frozen=True)
class WorkspaceConfig(ParameterSet):
    """The box of the world frame that objects are looked for in, and its support plane."""

    x_min_m: float = parameter(0.27, 'near edge [m]', -5.0, 5.0)
    x_max_m: float = parameter(0.75, 'far edge [m]', -5.0, 5.0)
    y_min_m: float = parameter(-0.28, 'right edge [m]', -5.0, 5.0)
    y_max_m: float = parameter(0.28, 'left edge [m]', -5.0, 5.0)
    z_max_m: float = parameter(0.45, 'ceiling above the table [m]', 0.02, 3.0)
    table_band_m: float = parameter(0.03, 'the table lies within this of z = 0 [m]', 0.002, 0.2)
    table_tilt_rad: float = parameter(0.05, 'and tilts no more than this [rad]', 0.0, 0.5)
    min_height_m: float = parameter(0.006, 'lower points are table [m]', 0.001, 0.05)
    min_height_sigmas: float = parameter(2.5, 'or within so many of their own sigma', 0.0, 10.0)


@dataclass(frozen=True)
class NoiseConfig(ParameterSet):
    """What the range sensors are worth."""

    camera_sigma_m: float = parameter(0.0005, 'depth noise floor [m]', 0.0, 0.1)
    camera_sigma_per_m2: float = parameter(0.0015, 'stereo depth noise per z^2 [1/m]', 0.0, 0.1)
    flying_pixel_m: float = parameter(0.015, 'depth step that marks a mixed pixel [m]', 0.002, 0.2)
    max_grazing: float = parameter(3.0, 'largest noise factor of a grazing pixel', 1.0, 20.0)
    lidar_sigma_m: float = parameter(0.004, 'LiDAR range noise [m]', 0.0001, 0.1)
    max_depth_m: float = parameter(3.0, 'deeper pixels are ignored [m]', 0.1, 100.0)


@dataclass(frozen=True)
class ClusteringConfig(ParameterSet):
    """How voxels become objects."""

    voxel_m: float = parameter(0.003, 'edge of a fused voxel [m]', 0.001, 0.02)
    coarse_voxel_m: float = parameter(0.005, 'edge of a coarse voxel [m]', 0.001, 0.03)
    neighbor_radius_m: float = parameter(
        0.009, 'coarse voxels nearer than this are neighbours [m]', 0.002, 0.05
    )
    min_coarse_voxels: int = parameter(22, 'smaller clusters are noise', 3, 10000)
    min_height_m: float = parameter(0.010, 'clusters that rise less are table noise [m]', 0.0, 0.1)
    concave_rad: float = parameter(
        0.35, 'a sharper concave crease divides objects [rad]', 0.0, 3.0
    )
    chroma_radius: float = parameter(
        7.0, 'one colour stays within [100 a, b / (L + 16)]', 1.0, 200.0
    )
    same_color_gap_m: float = parameter(
        0.018, 'segments of one colour this near are one [m]', 0.0, 0.2
    )
    min_segment_coarse_voxels: int = parameter(
        30, 'a smaller segment joins its neighbour', 1, 10000
    )


@dataclass(frozen=True)
class TrackingConfig(ParameterSet):
    """How clusters become objects with a past."""

    gate_m: float = parameter(
        0.05, 'a cluster farther than this is another object [m]', 0.005, 1.0
    )
    reacquisition_gate_m: float = parameter(
        0.15, 'unless it looks the same and is this near [m]', 0.005, 1.0
    )
    position_sigma_m: float = parameter(0.0025, 'noise of a measured position [m]', 1e-4, 0.1)
    centroid_sigma_share: float = parameter(
        0.006, 'the centroid of what is seen all round is this unsure, of its size', 0.0, 1.0
    )
    rotation_sigma_rad: float = parameter(
        0.1, 'orientation is this uncertain at first [rad]', 0.001, 3.2
    )
    voxel_m: float = parameter(0.003, 'spacing of the remembered surface [m]', 0.001, 0.02)
    acceleration_sigma_mps2: float = parameter(1.5, 'process noise [m/s^2]', 0.01, 100.0)
    rest_speed_mps: float = parameter(0.015, 'slower objects count as still [m/s]', 0.0, 1.0)
    confirm_frames: int = parameter(2, 'frames a new object must be seen in', 1, 50)
    vanish_frames: int = parameter(4, 'frames an object must be seen missing in', 1, 100)
    occluded_timeout_s: float = parameter(60.0, 'hidden objects are remembered for [s]', 0.1)
    unseen_timeout_s: float = parameter(1.0, 'unconfirmed absence ends a track after [s]', 0.1)


@dataclass(frozen=True)
class TouchConfig(ParameterSet):
    """When an object is in the hand."""

    contact_force_n: float = parameter(
        0.3, 'normal force on a pad that is contact [N]', 0.01, 50.0
    )
    release_s: float = parameter(
        0.15, 'the grasp ends after so long without contact [s]', 0.0, 5.0
    )
    unfelt_s: float = parameter(
        2.0, 'or after so long, where the fingers have not moved [s]', 0.0, 60.0
    )
    reach_m: float = parameter(0.02, 'an object this near the pads is what they touch [m]', 0, 0.2)
    contact_sigma_m: float = parameter(
        0.0015, 'a contact lies on the surface within [m]', 1e-4, 0.05
    )
    load_force_n: float = parameter(
        1.5, 'load on what is held, beyond its weight, that is a contact [N]', 0.05, 200.0
    )
    correction_m: float = parameter(
        0.02, 'no contact moves an object by more than this [m]', 0.0, 0.1
    )
    slack_m: float = parameter(
        0.003, 'fingers that have moved by less still hold what they held [m]', 0.0, 0.08
    )


@dataclass(frozen=True)
class PredictionConfig(ParameterSet):
    """The horizon and the priors of what cannot be seen."""

    horizon_steps: int = parameter(20, 'steps predicted', 1, 200)
    step_s: float = parameter(0.05, 'length of one step [s]', 0.005, 1.0)
    gravity_mps2: float = parameter(9.81, 'gravity [m/s^2]', 0.0, 30.0)
    friction: float = parameter(0.5, 'Coulomb friction expected', 0.01, 3.0)
    friction_sigma: float = parameter(0.25, 'its standard deviation', 0.0, 2.0)
    density_kgpm3: float = parameter(500.0, 'density expected [kg/m^3]', 1.0, 20000.0)
    density_sigma_kgpm3: float = parameter(300.0, 'its standard deviation [kg/m^3]', 0.0, 20000.0)
    restitution: float = parameter(0.2, 'restitution expected', 0.0, 1.0)
    restitution_sigma: float = parameter(0.15, 'its standard deviation', 0.0, 1.0)
    process_sigma_mps2: float = parameter(0.15, 'unmodelled acceleration in motion', 0.0, 50.0)
    rest_sigma_mps2: float = parameter(0.01, 'unmodelled acceleration at rest', 0.0, 50.0)
    grip_force_n: float = parameter(20.0, 'grip assumed where no action says it [N]', 0.1, 500.0)
    belt_x_mps: float = parameter(0.0, "the table's surface along x, told by a drive", -5.0, 5.0)
    belt_y_mps: float = parameter(0.0, 'the same along y', -5.0, 5.0)


@dataclass(frozen=True)
class WorldModelConfig(NodeConfig):
    """Everything the world model takes."""

    rate_hz: float = parameter(10.0, 'scene updates per second [Hz]', 0.1, 100.0)
    dynamics: str = parameter('learned', 'what predicts', options=('learned', 'physics_prior'))
    engine: str = parameter(
        'auto',
        'what runs the learned model; what does not work falls to the next',
        options=('auto', 'tensorrt', 'onnxruntime', 'torch'),
    )
    segmenter: str = parameter(
        'network', 'what divides the cloud into objects', options=('network', 'clustering')
    )
    timing: TimingConfig = TimingConfig()
    workspace: WorkspaceConfig = WorkspaceConfig()
    noise: NoiseConfig = NoiseConfig()
    clustering: ClusteringConfig = ClusteringConfig()
    tracking: TrackingConfig = TrackingConfig()
    touch: TouchConfig = TouchConfig()
    prediction: PredictionConfig = PredictionConfig()
