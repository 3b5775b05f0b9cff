"""Tuning of the tracker and of all that it consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

from world_model_node.config import TrackingConfig
from world_model_node.tracking.motion_config import (
    ContactConfig,
    FilterConfig,
    FrictionGridConfig,
    MovingConfig,
    PositionMeasurementConfig,
    StationaryConfig,
)
from world_model_node.tracking.surface.shape_config import (
    AlignmentConfig,
    CentroidConfig,
    CompletionConfig,
    MeanShiftConfig,
    PoseUncertaintyConfig,
    RegistrationConfig,
    ShapeConfig,
    ShapeUncertaintyConfig,
)


@dataclass(frozen=True)
class AssociationConfig:
    """Costs of pairing tracks with measurements."""

    unmatched_cost: float = 10.0  # cost of leaving a pair apart, about three gates
    log_volume_weight: float = 0.2
    chromaticity_scale: float = 25.0  # difference of chromaticity that costs as much as one gate
    similar_log_volume: float = 0.3  # a similar object may be farther away
    similar_chromaticity: float = 8.0
    max_reacquisition_m: float = 0.3  # largest displacement of a lost object within a frame
    max_reacquisition_log_volume: float = 1.2
    max_reacquisition_chromaticity: float = 16.0
    max_fall_s: float = 0.5  # period after a release in which the object may be below the hand
    grid_box_m: float = 0.008  # edge of the boxes in which nearest points are searched


@dataclass(frozen=True)
class LifetimeConfig:
    """Expiry of tracks that are not seen."""

    min_merged_share: float = 0.7  # share of the surface seen as that of another object
    min_merged_frames: int = 3  # a track that is merged for longer expires
    merged_frames_ratio: float = 1.0  # the same relative to the frames it was seen in
    memory_ratio: float = 5.0  # an occluded object is remembered for this times its observation
    workspace_margin_m: float = 0.03


@dataclass(frozen=True)
class TrackConfig:
    """Transitions of a track between rest, motion, flight and the hand."""

    near_surface_m: float = 0.007  # surface this near a seen point counts as seen
    min_still_share: float = 0.85  # with more of its surface in place, an object has not moved
    min_trusted_inlier_share: float = 0.6  # with fewer inliers at rest, a surface is replaced
    table_clearance_m: float = 0.02  # objects farther above the table are not carried by it
    flying_speed_mps: float = 0.2  # slower objects above the table lie on others
    max_sunk_m: float = 0.01  # largest depth of a surface under the table
    stationary_noise_share: float = 0.03  # of the process noise, at rest or unseen
    unseen_velocity_share: float = 0.5  # of the speed that remains per unseen frame
    initial_angular_sigma_radps: float = 0.5


@dataclass(frozen=True)
class TrackerConfig:
    """All of tracking: the node's parameters, and the tuning of each part."""

    parameters: TrackingConfig = field(default_factory=TrackingConfig)
    association: AssociationConfig = field(default_factory=AssociationConfig)
    lifetime: LifetimeConfig = field(default_factory=LifetimeConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    contact: ContactConfig = field(default_factory=ContactConfig)
    stationary: StationaryConfig = field(default_factory=StationaryConfig)
    moving: MovingConfig = field(default_factory=MovingConfig)
    position: PositionMeasurementConfig = field(default_factory=PositionMeasurementConfig)
    filter: FilterConfig = field(default_factory=FilterConfig)
    friction: FrictionGridConfig = field(default_factory=FrictionGridConfig)
    registration: RegistrationConfig = field(default_factory=RegistrationConfig)
    alignment: AlignmentConfig = field(default_factory=AlignmentConfig)
    mean_shift: MeanShiftConfig = field(default_factory=MeanShiftConfig)
    shape: ShapeConfig = field(default_factory=ShapeConfig)
    centroid: CentroidConfig = field(default_factory=CentroidConfig)
    completion: CompletionConfig = field(default_factory=CompletionConfig)
    shape_uncertainty: ShapeUncertaintyConfig = field(default_factory=ShapeUncertaintyConfig)
    pose_uncertainty: PoseUncertaintyConfig = field(default_factory=PoseUncertaintyConfig)
