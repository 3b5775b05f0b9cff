"""The parameters of the world model, each with its default, its unit and its range."""

from __future__ import annotations

from dataclasses import dataclass, field

from sakiyomi.parameters import NodeConfig, ParameterSet, parameter
from world_model_node.perception_config import (
    ClusteringConfig,
    FusionConfig,
    NoiseConfig,
    VisibilityConfig,
    WorkspaceConfig,
)


@dataclass(frozen=True)
class TimingConfig(ParameterSet):
    """The buffers of the sensor streams, and the ages at which readings become stale."""

    camera_buffer: int = parameter(8, 'camera frames kept', 1, 100)
    lidar_buffer: int = parameter(10, 'LiDAR scans kept', 1, 100)
    tactile_buffer: int = parameter(50, 'tactile readings kept per pad', 1, 1000)
    joint_buffer: int = parameter(400, 'joint and wrench readings kept', 2, 10000)
    lidar_window_s: float = parameter(
        0.55, 'duration that LiDAR scans of static objects accumulate over [s]', 0.0
    )
    camera_stale_s: float = parameter(0.5, 'a camera frame older than this is stale [s]', 0.01)
    lidar_stale_s: float = parameter(0.5, 'a LiDAR scan older than this is stale [s]', 0.01)
    tactile_stale_s: float = parameter(0.3, 'a taxel reading older than this is stale [s]', 0.01)
    joints_stale_s: float = parameter(0.3, 'a joint reading older than this is stale [s]', 0.01)
    clock_jump_s: float = parameter(
        1.0, 'backward step of the clock that resets the world model [s]', 0.1
    )
    jump_confirmations: int = parameter(
        3, 'consecutive old stamps that confirm a backward step of the clock', 1, 100
    )
    future_s: float = parameter(0.2, 'readings stamped later than this wait, after now [s]', 0)
    min_period_share: float = parameter(
        0.8, 'shortest time between two updates, as a share of their period', 0.0, 1.0
    )
    max_waiting_requests: int = parameter(8, 'imagine requests that may wait', 1, 1000)


@dataclass(frozen=True)
class TrackingConfig(ParameterSet):
    """The association of clusters with tracks, and the noise of the track states."""

    gate_m: float = parameter(0.05, 'largest distance of a cluster from its track [m]', 0.005, 1.0)
    reacquisition_gate_m: float = parameter(
        0.15, 'the same for a cluster of the same colour and size [m]', 0.005, 1.0
    )
    position_sigma_m: float = parameter(0.0025, 'noise of a measured position [m]', 1e-4, 0.1)
    centroid_sigma_share: float = parameter(
        0.006, 'noise of the centroid of a complete surface, as a share of its size', 0.0, 1.0
    )
    rotation_sigma_rad: float = parameter(
        0.1, 'initial standard deviation of the orientation [rad]', 0.001, 3.2
    )
    voxel_m: float = parameter(0.003, 'voxel of the object surface [m]', 0.001, 0.02)
    acceleration_sigma_mps2: float = parameter(1.5, 'process noise [m/s^2]', 0.01, 100.0)
    rest_speed_mps: float = parameter(
        0.015, 'largest speed of a stationary object [m/s]', 0.0, 1.0
    )
    confirm_frames: int = parameter(2, 'detections that confirm a track', 1, 50)
    vanish_frames: int = parameter(4, 'frames of visible absence that end a track', 1, 100)
    occluded_timeout_s: float = parameter(60.0, 'occluded tracks end after [s]', 0.1)
    unseen_timeout_s: float = parameter(
        1.0, 'tracks neither detected nor occluded end after [s]', 0.1
    )
    hand_margin_m: float = parameter(
        0.05, 'objects this near the fingers may be pushed or covered [m]', 0.0, 0.5
    )
    finger_length_m: float = parameter(
        0.10, 'length of the fingers from their tips upwards [m]', 0.0, 0.5
    )


@dataclass(frozen=True)
class TouchConfig(ParameterSet):
    """The contacts of the hand, and the object that it holds."""

    contact_force_n: float = parameter(
        0.3, 'smallest normal force of a pad contact [N]', 0.01, 50.0
    )
    release_s: float = parameter(
        0.15, 'a grasp ends after this long without contact [s]', 0.0, 5.0
    )
    unfelt_s: float = parameter(2.0, 'the same while the fingers have not moved [s]', 0.0, 60.0)
    reach_m: float = parameter(0.02, 'largest distance of an object that pads touch [m]', 0, 0.2)
    min_points_between_pads: int = parameter(
        5, 'fewest surface points of a held object between the pads', 1, 1000
    )
    min_taxel_ratio: float = parameter(
        0.1, 'smallest force of a pressed taxel, of the largest on its pad', 0.0, 1.0
    )
    max_line_of_action_gap_m: float = parameter(
        0.01, 'largest distance of a contact from the line of its force [m]', 0.0, 0.1
    )
    contact_sigma_m: float = parameter(
        0.0015, 'noise of a contact point relative to the surface [m]', 1e-4, 0.05
    )
    load_force_n: float = parameter(
        1.5, 'smallest external load on a held object that is a contact [N]', 0.05, 200.0
    )
    correction_m: float = parameter(
        0.02, 'largest correction of a pose by a contact [m]', 0.0, 0.1
    )
    slack_m: float = parameter(
        0.003, 'largest finger motion that keeps a grasp without contact [m]', 0.0, 0.08
    )


@dataclass(frozen=True)
class PredictionConfig(ParameterSet):
    """The horizon of the predictions, and the priors of the physical properties."""

    horizon_steps: int = parameter(20, 'steps predicted', 1, 200)
    step_s: float = parameter(0.05, 'length of one step [s]', 0.005, 1.0)
    gravity_mps2: float = parameter(9.81, 'gravity [m/s^2]', 0.0, 30.0)
    friction: float = parameter(0.5, 'prior mean of the Coulomb friction', 0.01, 3.0)
    friction_sigma: float = parameter(0.25, 'its standard deviation', 0.0, 2.0)
    density_kgpm3: float = parameter(500.0, 'prior mean of the density [kg/m^3]', 1.0, 20000.0)
    density_sigma_kgpm3: float = parameter(300.0, 'its standard deviation [kg/m^3]', 0.0, 20000.0)
    restitution: float = parameter(0.2, 'prior mean of the restitution', 0.0, 1.0)
    restitution_sigma: float = parameter(0.15, 'its standard deviation', 0.0, 1.0)
    process_sigma_mps2: float = parameter(0.15, 'unmodelled acceleration in motion', 0.0, 50.0)
    rest_sigma_mps2: float = parameter(0.01, 'unmodelled acceleration at rest', 0.0, 50.0)
    grip_force_n: float = parameter(20.0, 'grip force of actions that give none [N]', 0.1, 500.0)
    belt_x_mps: float = parameter(0.0, "velocity of the table's surface along x [m/s]", -5.0, 5.0)
    belt_y_mps: float = parameter(0.0, "velocity of the table's surface along y [m/s]", -5.0, 5.0)


@dataclass(frozen=True)
class MarkerConfig(ParameterSet):
    """The sizes of the RViz markers."""

    label_height_m: float = parameter(0.02, 'height of the labels [m]', 0.001, 1.0)
    path_width_m: float = parameter(0.004, 'width of the predicted paths [m]', 0.0001, 0.1)
    min_edge_m: float = parameter(0.004, 'shortest edge of a box [m]', 0.0001, 0.1)


@dataclass(frozen=True)
class WorldModelConfig(NodeConfig):
    """All parameters of the world model."""

    rate_hz: float = parameter(10.0, 'scene updates per second [Hz]', 0.1, 100.0)
    dynamics: str = parameter('learned', 'dynamics model', options=('learned', 'physics_prior'))
    engine: str = parameter(
        'auto',
        'runtime of the learned model; a runtime that fails is replaced by the next',
        options=('auto', 'tensorrt', 'onnxruntime', 'torch'),
    )
    segmenter: str = parameter(
        'network', 'method that divides the cloud into objects', options=('network', 'clustering')
    )
    timing: TimingConfig = TimingConfig()
    workspace: WorkspaceConfig = field(default=WorkspaceConfig())
    noise: NoiseConfig = field(default=NoiseConfig())
    fusion: FusionConfig = field(default=FusionConfig())
    visibility: VisibilityConfig = field(default=VisibilityConfig())
    clustering: ClusteringConfig = field(default=ClusteringConfig())
    tracking: TrackingConfig = TrackingConfig()
    touch: TouchConfig = TouchConfig()
    prediction: PredictionConfig = PredictionConfig()
    markers: MarkerConfig = MarkerConfig()
