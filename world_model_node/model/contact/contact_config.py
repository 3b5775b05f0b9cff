"""The tuning of contacts; the weights of a model were trained with these values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ExternalContactConfig:
    """Contacts with bodies whose motion is prescribed, such as fingers.

    Attributes:
        stiffness_per_s2: Spring constant over the mass of the body.
        damping_per_s: Damper constant over the mass of the body.
        max_depth_m: Depth at which the spring saturates; deeper overlap is an error of the shape.
        slip_mps: Slip speed below which friction is viscous.
        num_refinements: Solutions of a substep, each with the impulses and slips of the last.
    """

    stiffness_per_s2: float = 4000.0
    damping_per_s: float = 400.0
    max_depth_m: float = 0.01
    slip_mps: float = 5e-3
    num_refinements: int = 4


@dataclass(frozen=True)
class GraspContactConfig:
    """When a body is between closed pads, and how strongly the pads hold the body.

    Attributes:
        softness_m: Width of the sigmoids over distances.
        min_inside: Share of the grip points inside the body at which a grasp is as likely as not.
        inside_softness: Width of the sigmoid over this share.
        closed_tolerance_m: Excess of the opening over the body's width at which pads still touch.
        max_slide_m: Slide in the hand at which a held body is lost.
        slide_softness_m: Width of the sigmoid over the slide.
        opening_tolerance_m: Opening beyond the initial one at which a held body is released.
        torsion_arm_m: Lever arm of a pad's friction about the pad's normal.
        tilt_arm_m: Lever arm of a pad's friction across the pad's normal.
        min_slope: Least component of a plane's normal along the closing axis.
        out_of_reach_m: Distance where no plane bounds the body.
        shape_excess_m: Mean excess of the tracked half width over the true one.
        shape_sigma_m: Standard deviation of this excess.
        slide_off_probability: Probability that a finger that lands on a body slips down beside
            the body.
        min_descent_m: Descent below which the hand counts as at the body from the start.
    """

    softness_m: float = 0.0015
    min_inside: float = 0.35
    inside_softness: float = 0.06
    closed_tolerance_m: float = 0.004
    max_slide_m: float = 0.02
    slide_softness_m: float = 0.003
    opening_tolerance_m: float = 0.004
    torsion_arm_m: float = 0.006
    tilt_arm_m: float = 0.012
    min_slope: float = 0.05
    out_of_reach_m: float = 0.5
    shape_excess_m: float = 0.003
    shape_sigma_m: float = 0.003
    slide_off_probability: float = 0.4
    min_descent_m: float = 0.01


@dataclass(frozen=True)
class HandContactConfig:
    """Contacts between the convex parts of the hand and bodies.

    Attributes:
        margin_m: Gap below which surfaces are in contact.
        body_patch_depth_m: Depth below a body's foremost point that belongs to the contact patch.
        hand_patch_depth_m: The same depth of a part of the hand.
        vertical_cosine: Least cosine between a normal and the approach axis of a vertical contact.
        out_of_reach_m: Offset that keeps points outside the patch from being extreme.
        vertical_penalty: Preference for a lateral separating axis over a vertical one.
        clearance_m: Initial gap between a body and a part of the hand that overlap in the
            tracked scene.
    """

    margin_m: float = 5e-4
    body_patch_depth_m: float = 2e-3
    hand_patch_depth_m: float = 4e-3
    vertical_cosine: float = 0.9
    out_of_reach_m: float = 10.0
    vertical_penalty: float = 2.0
    clearance_m: float = 1e-3


@dataclass(frozen=True)
class ObjectContactConfig:
    """Contacts between bodies.

    Attributes:
        margin_m: Gap below which surfaces are in contact.
        patch_depth_m: Depth below the foremost point that belongs to the contact patch.
        tie_width_m: Width of the blend between the separating planes of the two bodies.
        penetration_recovery: Share of an overlap that is resolved per substep.
        max_recovery_mps: Upper bound of the speed of this correction.
    """

    margin_m: float = 5e-4
    patch_depth_m: float = 2e-3
    tie_width_m: float = 5e-4
    penetration_recovery: float = 0.5
    max_recovery_mps: float = 0.3


@dataclass(frozen=True)
class ContactConfig:
    """All contacts of a rollout.

    Attributes:
        external: Contacts with prescribed motion, as terms of the body's system.
        grasp: Contacts of a body between closed pads.
        hand: Contacts of the hand's parts with bodies.
        objects: Contacts between bodies.
        rolling_distance_m: Height of the lowest point below which rolling resistance acts.
    """

    external: ExternalContactConfig = field(default_factory=ExternalContactConfig)
    grasp: GraspContactConfig = field(default_factory=GraspContactConfig)
    hand: HandContactConfig = field(default_factory=HandContactConfig)
    objects: ObjectContactConfig = field(default_factory=ObjectContactConfig)
    rolling_distance_m: float = 0.002
