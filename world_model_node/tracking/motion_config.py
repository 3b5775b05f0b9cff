"""Tuning of a tracked object's motion: filters, rest, motion, contact with the hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MultipleModelConfig:
    """Hypotheses on an object's motion between two frames."""

    num_impulse_times: int = 6  # instants of an impulse between two frames
    impulse_sigmas_mps: tuple[float, ...] = (0.1, 0.4, 1.2)  # changes of velocity by an impulse
    impulse_probability: float = 0.4  # probability of an impulse in a maneuvering motion
    steady_accel_mps2: float = 0.5  # acceleration noise of a steady motion
    maneuvering_accel_mps2: float = 4.0  # acceleration noise of a maneuvering motion
    initial_steady_probability: float = 0.2  # probability that a new motion is steady
    stay_steady_probability: float = 0.9
    become_steady_probability: float = 0.1
    release_probability: float = 1.0  # weight of the release of an unsupported object
    known_speed_sigma_mps: float = 0.25  # a surer speed predicts when sliding stops
    min_travel_m: float = 0.003  # a shorter displacement has no direction


@dataclass(frozen=True)
class FilterConfig:
    """Kalman filter of a position."""

    initial_speed_sigma_mps: float = 0.05
    maneuver_factor: float = 2.0  # factor on the acceleration noise as a motion begins
    min_noise_scale: float = 0.1  # share of the process noise left in a steady motion
    noise_scale_gain: float = 0.3  # gain of that share per innovation
    multiple_model: MultipleModelConfig = MultipleModelConfig()


@dataclass(frozen=True)
class FrictionGridConfig:
    """Friction coefficients that a sliding object may have."""

    # the first value stands for motion without friction: rolling, or riding on a belt
    values: tuple[float, ...] = (0.0, 0.1, 0.16, 0.24, 0.34, 0.46, 0.6, 0.77, 0.97)
    free_probability: float = 0.3  # prior probability of motion without friction
    forgetting_share: float = 0.1  # share of that probability that returns to its prior per frame
    evidence_exponent: float = 0.5  # discount of the likelihoods: frames have common errors


@dataclass(frozen=True)
class PositionMeasurementConfig:
    """Positions of a moving object at the stamps of single sensor frames."""

    simultaneous_s: float = 0.02  # stamps nearer than this count as equal
    shift_sigma_m: float = 0.001  # standard deviation of a displacement between two frames
    edge_sigma_share: float = 0.15  # of the size; noise of the points at the outline
    rotation_sigma_share: float = 0.08  # of the size per rad; change of the visible side


@dataclass(frozen=True)
class StationaryConfig:
    """Detection of motion, and averaging of an object at rest."""

    position_sigma_m: float = 0.0005
    angular_sigma_radps: float = 0.3
    max_step_m: float = 0.002  # a larger displacement is motion
    max_mean_step_m: float = 0.001  # a larger mean displacement is motion
    negligible_step_m: float = 0.0005  # a smaller mean displacement needs fewer checks
    mean_step_gain: float = 0.3
    prior_sigma_m: float = 0.01  # prior of the displacement in registration
    prior_sigma_rad: float = 0.15  # prior of the rotation in registration
    num_samples: int = 100  # points that are registered
    num_step_points: int = 20  # points that a displacement is averaged over
    inlier_share_gain: float = 0.2  # gain of the typical share of inliers
    min_typical_inlier_share: float = 0.5
    suspect_drop: float = 0.07  # drop of the inlier share that has registration iterate longer
    motion_drop: float = 0.15  # drop of the inlier share that is motion
    outlier_m: float = 0.010  # distance of an outlier from the surface
    max_outlier_share: float = 0.25  # a larger share is an error of the segmentation
    max_mismatch_frames: int = 6  # frames after which such an error is accepted as the object
    full_view_share: float = 0.85  # of the surface usually seen
    num_full_views: int = 5  # full views that the centroid is averaged over
    reference_period_frames: int = 15  # period at which the reference surface is renewed
    update_period_frames: int = 4  # period at which a well-known surface is integrated
    settled_frames: int = 10  # frames after which every second frame is checked for motion
    recheck_m: float = 0.001  # displacement of the cluster that forces a check


@dataclass(frozen=True)
class MovingConfig:
    """Registration of a moving object, and detection of rest."""

    angular_sigma_radps: float = 2.0
    angular_velocity_smoothing: float = 0.3
    prior_sigma_m: float = 0.02  # prior of the position in registration
    min_prior_sigma_rad: float = 0.1  # bounds of the rotation's prior in registration
    max_prior_sigma_rad: float = 0.5
    iterations: tuple[int, int] = (2, 6)  # steps from each guess, and from the best
    unregistered_inlier_share: float = 0.4  # inlier share assumed without a fit
    unregistered_sigma_share: float = 0.06  # of the size; position noise without a fit
    small_rotation_rad: float = 0.1  # rotations closer than this are one guess
    min_steady_probability: float = 0.5  # a surer steady motion needs no intermediate frames
    min_roll_rad: float = 0.15  # smaller rotations of rolling are no guess of their own
    min_roll_radius_m: float = 0.01
    tipping_radps: float = 2.0  # a faster rotation about a horizontal axis rolls or tips
    still_m: float = 0.002  # a smaller displacement counts as rest
    num_still_frames: int = 2  # consecutive such displacements that end a motion
    unchanged_m: float = 0.0028  # two views nearer than this are equal
    unchanged_percent: int = 90  # percentile of the distances between two views
    num_unchanged_frames: int = 3  # consecutive equal views that end a motion
    num_compared_points: int = 50  # points that two views are compared at
    num_step_points: int = 20  # points that a displacement is averaged over


@dataclass(frozen=True)
class ContactConfig:
    """Corrections of an object's pose by the finger pads."""

    patch_m: float = 0.008  # surface this near the contact's line of action is in contact
    grasp_sigma_m: float = 0.0025  # displacement by closing fingers, along their axis
    process_sigma_m: float = 0.0003  # slip in the hand per step
    max_pad_disagreement_m: float = 0.004  # a larger offset belongs to an unobserved side
    max_free_shift_m: float = 0.008  # largest correction of an object that is not held
    max_contact_share: float = 0.6  # of the size; farther contacts belong to other objects
