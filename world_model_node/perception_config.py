"""The parameters of fusion and segmentation, which `config.py` nests in those of the node."""

from __future__ import annotations

from dataclasses import dataclass

from sakiyomi.parameters import ParameterSet, parameter


@dataclass(frozen=True)
class WorkspaceConfig(ParameterSet):
    """The box of the world frame that holds the objects, and its support plane."""

    x_min_m: float = parameter(0.27, 'near edge [m]', -5.0, 5.0)
    x_max_m: float = parameter(0.75, 'far edge [m]', -5.0, 5.0)
    y_min_m: float = parameter(-0.28, 'right edge [m]', -5.0, 5.0)
    y_max_m: float = parameter(0.28, 'left edge [m]', -5.0, 5.0)
    z_max_m: float = parameter(0.45, 'ceiling above the table [m]', 0.02, 3.0)
    table_band_m: float = parameter(
        0.03, 'largest distance of the table from z = 0 [m]', 0.002, 0.2
    )
    table_tilt_rad: float = parameter(0.05, 'largest tilt of the table [rad]', 0.0, 0.5)
    min_height_m: float = parameter(
        0.006, 'points lower than this belong to the table [m]', 0.001, 0.05
    )
    min_height_sigmas: float = parameter(
        2.5, 'points lower than so many of their sigmas belong to the table', 0.0, 10.0
    )
    table_stride: int = parameter(4, 'every nth pixel and row enters the table fit', 1, 50)
    table_bin_m: float = parameter(
        0.002, 'bin of the height histogram of the table fit [m]', 0.0005, 0.02
    )
    min_table_points: int = parameter(200, 'fewest points of a table fit', 10, 100000)
    max_table_points: int = parameter(3000, 'most points of a table fit', 100, 1000000)
    table_blend_weight: float = parameter(
        0.3, 'weight of a new table fit against the previous plane', 0.01, 1.0
    )


@dataclass(frozen=True)
class NoiseConfig(ParameterSet):
    """The noise of the range sensors."""

    camera_sigma_m: float = parameter(0.0005, 'depth noise floor [m]', 0.0, 0.1)
    camera_sigma_per_m2: float = parameter(0.0015, 'stereo depth noise per z^2 [1/m]', 0.0, 0.1)
    flying_pixel_m: float = parameter(0.015, 'depth step that marks a mixed pixel [m]', 0.002, 0.2)
    max_grazing: float = parameter(3.0, 'largest noise factor of a grazing pixel', 1.0, 20.0)
    lidar_sigma_m: float = parameter(0.004, 'LiDAR range noise [m]', 0.0001, 0.1)
    max_depth_m: float = parameter(3.0, 'largest depth that is used [m]', 0.1, 100.0)


@dataclass(frozen=True)
class FusionConfig(ParameterSet):
    """The removal of robot, moving and held objects from the cloud, and the normals."""

    moving_margin_m: float = parameter(
        0.02, 'points this near the box of a moving object move with it [m]', 0.0, 0.2
    )
    held_margin_m: float = parameter(
        0.012, 'points this near the surface of a held object are removed [m]', 0.0001, 0.1
    )
    outdated_margin_m: float = parameter(
        0.04, 'LiDAR points this near an object that moved since are removed [m]', 0.0, 0.5
    )
    motion_persists_s: float = parameter(
        0.25, 'an object that has not come to rest moves on for this long [s]', 0.0, 5.0
    )
    hand_moved_m: float = parameter(
        0.003, 'largest translation of a resting hand between frames [m]', 0.0, 0.1
    )
    hand_turned_rad: float = parameter(
        0.03, 'largest rotation of a resting hand between frames [rad]', 0.0, 1.0
    )
    simultaneous_s: float = parameter(
        0.005, 'LiDAR and camera stamps this close are simultaneous [s]', 0.0, 0.1
    )
    static_camera_tolerance: float = parameter(
        0.003, 'largest pose change of a static camera between frames [m, rad]', 0.0, 0.1
    )
    same_joints_rad: float = parameter(
        0.001, 'a scan is filtered again when its joints change by more [rad]', 0.0, 0.1
    )
    normal_cell_m: float = parameter(
        0.005, 'edge of the cells that normals are fitted to [m]', 0.001, 0.05
    )


@dataclass(frozen=True)
class VisibilityConfig(ParameterSet):
    """The comparison of measured with expected depth."""

    margin_m: float = parameter(
        0.012, 'depth difference that is an occlusion or a free space [m]', 0.001, 0.1
    )
    sees_past_m: float = parameter(
        0.005, 'median depth difference of a surface that is gone [m]', 0.001, 0.1
    )
    min_share: float = parameter(
        0.3, 'smallest share of pixels that decides about a surface', 0.0, 1.0
    )
    max_points: int = parameter(400, 'most points of a surface that are projected', 10, 100000)


@dataclass(frozen=True)
class ClusteringConfig(ParameterSet):
    """The clustering of voxels into objects."""

    voxel_m: float = parameter(0.003, 'edge of a fused voxel [m]', 0.001, 0.02)
    coarse_voxel_m: float = parameter(0.005, 'edge of a coarse voxel [m]', 0.001, 0.03)
    neighbor_radius_m: float = parameter(
        0.009, 'largest distance of neighbouring coarse voxels [m]', 0.002, 0.05
    )
    min_coarse_voxels: int = parameter(22, 'fewest coarse voxels of a cluster', 3, 10000)
    min_height_m: float = parameter(0.010, 'smallest height of a cluster [m]', 0.0, 0.1)
    concave_rad: float = parameter(
        0.35, 'smallest angle of a concave crease between objects [rad]', 0.0, 3.0
    )
    chroma_radius: float = parameter(
        7.0, 'radius of one colour class [100 a, b / (L + 16)]', 1.0, 200.0
    )
    same_color_gap_m: float = parameter(
        0.018, 'largest gap between segments of one object [m]', 0.0, 0.2
    )
    min_segment_coarse_voxels: int = parameter(
        30, 'fewest coarse voxels of a segment that is not merged', 1, 10000
    )
    chroma_bin: float = parameter(
        2.0, 'bin of the colour histogram [100 a, b / (L + 16)]', 0.1, 50.0
    )
    min_colored_share: float = parameter(
        0.2, "smallest coloured share of a coarse voxel's weight", 0.0, 1.0
    )
    dominant_color_share: float = parameter(
        0.6, "smallest share of a segment's dominant colour", 0.0, 1.0
    )
    min_contact_edges: int = parameter(
        4, 'fewest graph edges between segments in contact', 1, 1000
    )
    num_bridges: int = parameter(7, 'point pairs that test the gap between segments', 1, 100)
    free_space_margin_m: float = parameter(
        0.01, 'depth beyond a gap that is free space [m]', 0.0, 0.1
    )
    normal_radius_ratio: float = parameter(
        1.5, 'radius of the normals, in neighbour radii', 1.0, 10.0
    )
    max_planar_ratio: float = parameter(
        0.15, 'largest ratio of the two smaller eigenvalues on a plane', 0.0, 1.0
    )
    coplanar_cosine: float = parameter(
        0.985, 'smallest cosine between the normals of one plane', 0.0, 1.0
    )
    coplanar_step_m: float = parameter(0.002, 'largest step within one plane [m]', 0.0, 0.05)
    coplanar_share: float = parameter(
        0.65, 'coplanar share of a border inside one surface', 0.0, 1.0
    )
    min_border_ratio: float = parameter(
        7.0, "edges of a long border per square root of the smaller segment's size", 0.0, 100.0
    )
    max_rings: int = parameter(40, 'most rings of coarse voxels that a label grows by', 1, 1000)
