"""The configuration of the segmentation network's input and output.

The network's weights were trained with these values, so that a change needs a new training.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SupervoxelConfig:
    """The oversegmentation of a cloud into supervoxels."""

    coarse_voxel_m: float = 0.005
    num_neighbors: int = 10  # neighbours of a coarse voxel that its normal is fitted to
    grid_box_m: float = 0.008  # box of the grid that finds the neighbours
    seed_m: float = 0.016  # spacing of the seeds
    max_supervoxels: int = 192
    num_candidates: int = 4  # nearest seeds that a coarse voxel is compared with
    num_rounds: int = 2  # rounds of assignment and update of the seeds
    position_scale_m: float = 0.008  # position difference of unit distance
    normal_scale: float = 0.5  # normal difference of unit distance
    chromaticity_scale: float = 8.0  # chromaticity difference of unit distance


@dataclass(frozen=True)
class PairFeatureConfig:
    """The features of pairs of supervoxels."""

    adjacent_m: float = 0.009  # largest distance of coarse voxels in contact
    max_clearance_distance_m: float = 0.12  # largest distance of pairs with a clearance
    max_clearance_m: float = 0.04  # bound of the clearance


@dataclass(frozen=True)
class GroupingConfig:
    """The grouping of supervoxels into objects by the network's output."""

    max_logit: float = 8.0  # bound of the log-odds of one pair
    max_fragment_coarse_voxels: int = 60  # size below which a group may be a fragment
    lenience: float = 2.0  # mean log-odds against a merge that a fragment tolerates


@dataclass(frozen=True)
class NetworkSegmentationConfig:
    """The segmentation of a cloud by the network."""

    component_edge_m: float = 0.05  # points nearer than this are in one spatial component
    airborne_m: float = 0.12  # lowest height of a component that is one flying object
    min_airborne_coarse_voxels: int = 25  # fewest coarse voxels of a flying object
    supervoxels: SupervoxelConfig = SupervoxelConfig()
    pairs: PairFeatureConfig = PairFeatureConfig()
    grouping: GroupingConfig = GroupingConfig()
