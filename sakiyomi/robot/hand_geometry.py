"""The shape, the force and the taxels of a two-finger hand, in one place.

The grasp frame lies between the pads where an object is meant to be held: z approaches, y closes,
x runs along the pads' width.
"""

from __future__ import annotations

from dataclasses import dataclass

Section = tuple[float, float, float]


@dataclass(frozen=True)
class TrainedHandShape:
    """The hand as the trained networks know it; a change asks for new weights.

    The weights fit these lengths, which are rounded more coarsely than those of `HandGeometry`.
    All of them are in the grasp frame.

    Attributes:
        pad_half_width_m: half the width of the pads.
        pad_low_z_m: upper end of the pads.
        pad_high_z_m: lower end of the pads.
        finger_half_width_m: half the width of a finger that comes down on a surface.
        finger_thickness_m: thickness of a finger at its tip.
        fingertip_z_m: height along the approach at which a finger meets a surface.
        finger_sections_m: of a finger, (z, half the width, thickness) at the tip, the middle and
            the palm.
        palm_sections_m: of the palm, (z, half the depth, half the span) from the fingers upwards.
        grip_points_m: (x, z) on the pads at which a grasped body must lie; the first one is the
            centre.
    """

    pad_half_width_m: float
    pad_low_z_m: float
    pad_high_z_m: float
    finger_half_width_m: float
    finger_thickness_m: float
    fingertip_z_m: float
    finger_sections_m: tuple[Section, Section, Section]
    palm_sections_m: tuple[Section, Section, Section]
    grip_points_m: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class HandGeometry:
    """Dimensions [m], force [N] and taxels of the hand.

    Attributes:
        max_opening_m: stroke, the widest opening between the pads.
        grip_force_n: force on each pad where a command names none.
        length_m: distance of the wrist from the grasp frame.
        pad_length_m: length of the tactile skin along the finger.
        pad_width_m: width of the tactile skin across the finger.
        taxel_rows: taxels along the finger.
        taxel_columns: taxels across the finger.
        flat_half_width_m: half the width of the flat part of a fingertip, along x.
        flat_low_z_m: upper end of the flat part of a fingertip.
        tip_z_m: lower end of a finger.
        finger_half_width_m: half the width of a finger, along x.
        finger_thickness_m: thickness of a finger at its tip, along y.
        knuckle_thickness_m: thickness of a finger where it meets the palm, along y.
        knuckle_z_m: height of the step between the two thicknesses.
        palm_z_m: lower face of the palm.
        palm_half_width_m: half the width of the palm, along x.
        palm_half_span_m: half the span of the palm, along y.
        palm_depth_m: depth of the palm along the approach.
        closing_half_width_m: half the side of the square in which the physics prior looks for what
            the pads close on; wider than the skin by 1 mm, so that few points of a shape suffice.
        holding_half_width_m: half the side of the square in which the tracker looks for what the
            pads hold; wider than the skin by 3 mm, because a tracked pose is off by millimetres.
        trained: the hand as the trained networks know it.
    """

    max_opening_m: float
    grip_force_n: float
    length_m: float
    pad_length_m: float
    pad_width_m: float
    taxel_rows: int
    taxel_columns: int
    flat_half_width_m: float
    flat_low_z_m: float
    tip_z_m: float
    finger_half_width_m: float
    finger_thickness_m: float
    knuckle_thickness_m: float
    knuckle_z_m: float
    palm_z_m: float
    palm_half_width_m: float
    palm_half_span_m: float
    palm_depth_m: float
    closing_half_width_m: float
    holding_half_width_m: float
    trained: TrainedHandShape
