"""Tuning of a tracked object's surface: measurement, registration, integration, completion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CentroidConfig:
    """The centroid of an object of which no sensor sees the underside."""

    num_directions: int = 96  # directions of the extreme points that span the convex hull
    lowest_percent: int = 2  # percentile of the heights that counts as the lowest
    standing_m: float = 0.015  # an object with its lowest points below stands on the table
    floating_m: float = 0.035  # an object with its lowest points above stands on others
    # height of the centroid between those of the extruded and the seen hull; undersides are a
    # little rounder than an extrusion, fitted on 130 objects
    rounded_underside_share: float = 0.2


@dataclass(frozen=True)
class RegistrationConfig:
    """Point-to-plane registration of a known surface."""

    point_sigma_m: float = 0.002  # standard deviation of a seen point
    num_correlated_points: float = 8.0  # neighbouring points with a common error
    point_to_point_weight: float = 0.05  # weight of residuals across the normal
    max_kernel_m: float = 0.010  # distance with half the weight, in the first step
    min_kernel_m: float = 0.003  # the same in the last steps
    kernel_decay: float = 0.6  # factor on that distance per step
    inlier_m: float = 0.004  # largest distance of an inlier
    min_inlier_share: float = 0.55  # a fit with fewer inliers is none
    good_inlier_share: float = 0.7  # a fit with more inliers may extend the surface
    num_coarse_samples: int = 50  # seen points that each guess is tried with
    num_fine_samples: int = 150  # seen points that the best guess is refined with
    converged_m: float = 2e-4  # smaller steps end the iteration
    converged_rad: float = 2e-3  # smaller rotations end the iteration
    min_camera_points: int = 20  # fewer points of the camera are completed by the LiDAR's
    min_camera_share: float = 0.15  # the same as a share of all points


@dataclass(frozen=True)
class AlignmentConfig:
    """Alignment of a known surface with the points of one sensor."""

    camera_sigma_m: float = 0.002  # standard deviation of a camera's point
    lidar_sigma_m: float = 0.005  # standard deviation of a LiDAR's point
    min_sigma_m: float = 0.003  # standard deviation of a position, by errors of the surface
    unconstrained_sigma_m: float = 0.02  # the same where no seen surface constrains it
    crop_margin_m: float = 0.015  # margin of the box that may contain the surface
    min_points: int = 8  # fewer points give no alignment
    prior_sigma_m: float = 0.02  # standard deviation of a guessed position
    prior_sigma_rad: float = 0.03  # standard deviation of a guessed rotation
    iterations: tuple[int, int] = (3, 5)  # steps from each guess, and from the best


@dataclass(frozen=True)
class MeanShiftConfig:
    """Displacement of an object between two frames of one camera."""

    margin_m: float = 0.008  # margin of the object's box
    min_points: int = 8  # fewer points give no displacement
    max_iterations: int = 6
    converged_m: float = 2e-4  # smaller steps end the iteration
    # an object is seen alone and whole where the number of points and their spread are alike
    log_count_tolerance: float = 0.3
    spread_tolerance_m: float = 0.004


@dataclass(frozen=True)
class ShapeConfig:
    """Integration of the points of many frames into one surface."""

    merge_distance_share: float = 0.8  # of a voxel; nearer points are one piece of surface
    match_m: float = 0.006  # a surface point this near a seen point was seen again
    grid_box_m: float = 0.006  # edge of the boxes in which nearest points are searched
    max_weight: float = 20.0  # number of observations that a point's mean remembers
    max_misses: int = 10  # misses after which a point is dropped
    max_points: int = 4000
    normal_neighbours: int = 9  # nearest points that a normal is fitted to
    max_normals_growth: float = 1.3  # growth of the surface after which normals are recomputed
    min_reliable_weight: float = 2.0  # a point seen only once may be noise or misplaced
    min_reliable_share: float = 0.5  # with fewer reliable points all points count


@dataclass(frozen=True)
class CompletionConfig:
    """Completion of the side that no sensor has seen."""

    num_planes: int = 12  # candidates of the plane of symmetry
    num_sectors: int = 48  # sectors of the outline seen from above
    num_samples: int = 100  # points that each plane is tried with
    max_points: int = 1500
    grid_box_m: float = 0.008  # edge of the boxes in which nearest points are searched
    free_space_margin_m: float = 0.008  # depth by which the camera must see past a point
    spacing_voxels: float = 1.5  # spacing in voxels, and gap to the surface in spacings
    valid_s: float = 5.0  # period after which a completion is renewed
    max_growth: float = 0.03  # growth of the surface that renews a completion earlier
    max_pose_change: float = 0.002  # change of an entry of the pose that renews it earlier


@dataclass(frozen=True)
class ShapeUncertaintyConfig:
    """Shares of a surface that have not been observed."""

    num_sides: int = 12  # horizontal directions that separate the sides
    outline_share: float = 0.15  # points in this outer share of the width belong to a side
    top_percent: int = 98  # percentile of the heights that counts as the top
    lowest_percent: int = 2  # percentile of the heights that counts as the lowest
    height_sigma_m: float = 0.001  # standard deviation of a height
    max_points: int = 400
    num_image_directions: int = 24  # directions in the image in which the outline is followed
    outside_offsets_m: tuple[float, ...] = (0.004, 0.008, 0.012)  # samples outside the outline


@dataclass(frozen=True)
class PoseUncertaintyConfig:
    """Covariance of a pose; fitted for a coverage of 0.9.

    The fit used the errors of 26 000 tracked frames of 54 simulated scenes of household objects.
    """

    min_centroid_sigma_m: float = 0.001  # standard deviation of a small object's centroid
    unobserved_sigma_share: float = 0.22  # of the size, where no side has been seen
    occluded_sigma_share: float = 0.20  # of the size, where the outline is occluded all round
    drift_sigma_m: float = 0.0008  # accumulated registration error per frame of motion
    drift_sigma_rad: float = 0.1  # the same of the rotation
    misfit_drift_factor: float = 4.0  # factor on the drift's variance without any inlier
    max_drift_m: float = 0.012
    max_drift_rad: float = 1.0
    moving_sigma_m: float = 0.0035  # of a moving object's centroid, by its changing views
