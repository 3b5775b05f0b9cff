"""Bodies between closed pads: they go with the hand as far as friction carries them.

The pads can pass on 2 mu F of force across and, by their size, some torque; what matching the
hand's motion would take beyond that is slip.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.robot.hand_geometry import TrainedHandShape
from world_model_node.model.algebra.vectors import TINY, cross, dot, length, to_body
from world_model_node.model.contact.hand_contact import HandKinematics
from world_model_node.model.contact.hand_trajectory import WIDTH_ROW, hand_at_substep
from world_model_node.model.physics.body_state import BodyBatch, MotionState

SOFTNESS_M = 0.0015
# pads this much wider than the body still touch it, as far as it is known
CLOSED_TOLERANCE_M = 0.004
MAX_SLIDE_M, OPENING_TOLERANCE_M = 0.02, 0.004
TORSION_ARM_M, TILT_ARM_M = 0.006, 0.012  # of a pad's friction about its normal, and across it
MIN_SLOPE, OUT_OF_REACH_M = 0.05, 0.5
SHAPE_EXCESS_M, SHAPE_SIGMA_M = 0.003, 0.003  # by which a side is seen too far out, and how surely
# of those that come down on it end beside it: sides are round, shapes unsure
SLIDE_OFF_PROBABILITY = 0.4
MIN_DESCENT_M = 0.01  # a hand that sinks less was there from the start


class GraspCoupling(NamedTuple):
    """How a body is held."""

    held: Tensor  # (1, N) in [0, 1]
    carried: Tensor  # (1, N) share of the needed force that friction gives


class GraspInit(NamedTuple):
    """What was in the hand at first."""

    held: Tensor  # (1, N)
    grasp_point: Tensor  # (3, N) grasp point in the body frame
    width: Tensor  # (1, N)
    max_width_m: Tensor  # (1, N) that the hand opens until the end
    finger_clearance: Tensor  # (1, N) in [0, 1]: whether both fingers come down beside it


class GraspContact(nn.Module):
    """Matches the hand's motion within the limits of friction."""

    def __init__(self, substep_s: float, hand: TrainedHandShape) -> None:
        super().__init__()
        self.h, self.fingertip_z_m = substep_s, hand.fingertip_z_m
        probes = torch.tensor(hand.grip_points_m).T  # (2, Q)
        self.register_buffer('probes', probes, persistent=False)

    def grasp_probability(
        self,
        motion: MotionState,
        R: Tensor,
        planes: Tensor,
        hand: HandKinematics,
        grasp_init: GraspInit,
    ) -> Tensor:
        """Whether each body is between closed pads, in [0, 1]; no gradient. Shape (1, N)."""
        motion, R, planes, hand, grasp_init = (
            type(t)(*(v.detach() for v in t)) if isinstance(t, tuple) else t.detach()
            for t in (motion, R, planes, hand, grasp_init)
        )
        x, z = self.probes.unsqueeze(2).unbind(0)  # (Q, 1)
        points = hand.position.unsqueeze(1) + x * hand.lateral_axis.unsqueeze(1)
        points = points + z * hand.approach_axis.unsqueeze(1)
        local = to_body(R, points - motion.position.unsqueeze(1))
        inside = torch.sigmoid(-signed_distance(local, planes) / SOFTNESS_M).mean(0, keepdim=True)
        ahead, behind = self._reach(R, planes, local[:, 0], hand.closing_axis)
        span = ahead + behind
        closed = torch.sigmoid((span + CLOSED_TOLERANCE_M - hand.width) / SOFTNESS_M)
        fits = torch.sigmoid((grasp_init.max_width_m + CLOSED_TOLERANCE_M - span) / SOFTNESS_M)
        grasped = (
            torch.sigmoid((inside - 0.35) / 0.06) * closed * fits * grasp_init.finger_clearance
        )
        slid = length(local[:, 0] - grasp_init.grasp_point)
        stays = torch.sigmoid((MAX_SLIDE_M - slid) / 0.003)
        stays = stays * torch.sigmoid(
            (grasp_init.width + OPENING_TOLERANCE_M - hand.width) / SOFTNESS_M
        )
        kept = grasp_init.held * stays
        return (grasped + kept - grasped * kept) * (hand.force > 0.0).to(grasped)

    def finger_clearance(
        self, position: Tensor, R: Tensor, planes: Tensor, path: Tensor, max_width_m: Tensor
    ) -> Tensor:
        """Whether both fingers of an open hand come down beside bodies, not on them. Shape (1, N).

        Judged where the bodies are at first, by where the hand is lowest before it closes. What is
        between the fingers from the start is not judged by its shape, which is badly known.

        Args:
            position: (3, N) of the bodies.
            R: (9, N) their rotation.
            planes: (4, M, N) about the centre of mass.
            path: (T, C, A) rows of `HandKinematics`.
            max_width_m: (1, N) that the hand opens.
        """
        width, height = path[:, WIDTH_ROW], path[:, 2]  # (T, A)
        open_m = width.amax(0, keepdim=True)
        lowest = (
            height + OUT_OF_REACH_M * (width < open_m - OPENING_TOLERANCE_M).to(height)
        ).argmin(0)
        row = path.gather(0, lowest.reshape(1, 1, -1).expand(1, *path.shape[1:]))[0]
        descent = hand_at_substep(path[0] - row, position.shape[1]).position[2:]
        hand = hand_at_substep(row, position.shape[1])
        tip = hand.position + self.fingertip_z_m * hand.approach_axis
        middle = to_body(R, (tip - position).unsqueeze(1))[:, 0]
        ahead, behind = self._reach(R, planes, middle, hand.closing_axis)
        clearance = 0.5 * max_width_m + SHAPE_EXCESS_M - torch.maximum(ahead, behind)
        already_there = torch.sigmoid((MIN_DESCENT_M - descent) / SOFTNESS_M)
        fits = SLIDE_OFF_PROBABILITY + (1.0 - SLIDE_OFF_PROBABILITY) * torch.sigmoid(
            clearance / SHAPE_SIGMA_M
        )
        return torch.maximum(fits, already_there).detach()

    @staticmethod
    def _reach(R: Tensor, planes: Tensor, middle: Tensor, closing: Tensor) -> tuple[Tensor, ...]:
        """How far (1, N) bodies go from a point both ways along the closing axis."""
        axis = to_body(R, closing.unsqueeze(1))[:, 0]
        slope = (planes[:3] * axis.unsqueeze(1)).sum(0)  # (M, N)
        clearance = planes[3] - (planes[:3] * middle.unsqueeze(1)).sum(0)
        reach = clearance / slope.abs().clamp(min=MIN_SLOPE)
        ahead = torch.where(slope > MIN_SLOPE, reach, OUT_OF_REACH_M).amin(0, keepdim=True)
        behind = torch.where(slope < -MIN_SLOPE, reach, OUT_OF_REACH_M).amin(0, keepdim=True)
        return ahead, behind

    def forward(
        self,
        before: Tensor,
        motion: MotionState,
        spin: Tensor,
        bodies: BodyBatch,
        hand: HandKinematics,
        held: Tensor,
    ) -> tuple[Tensor, Tensor, GraspCoupling]:
        """Changes of velocity and spin (3, N), world frame, of bodies that are held so much.

        What is wanted leads in this substep to where the hand takes the body, however far it
        turns: along the arc's tangent the body would creep out of the hand.

        Args:
            before: (3, N) where the bodies were when the substep began.
            motion: Without the hand.
            spin: (3, N) of it, world frame.
            bodies: Their parameters.
            hand: At the end of the substep.
            held: (1, N).
        """
        arm = hand.position - self.h * hand.velocity - before
        wanted = hand.velocity + (arm - self._rotated(arm, self.h * hand.spin)) / self.h
        # torque about the grasp, per moment of inertia
        mass_over_inertia = bodies.mass_over_inertia
        twist = (hand.spin - spin) - mass_over_inertia * cross(arm, wanted - motion.velocity)
        about = dot(twist, hand.closing_axis) * hand.closing_axis
        tilt = twist - about
        strength = 2.0 * hand.force * self.h * mass_over_inertia / bodies.mass
        about = about * self._friction_share(about, strength * bodies.friction * TORSION_ARM_M)
        tilt = tilt * self._friction_share(tilt, strength * TILT_ARM_M)
        # where that is too little the body swings about the grasp, which goes with the hand
        gap = wanted - motion.velocity + cross(hand.spin - spin - about - tilt, arm)
        change = gap + mass_over_inertia * dot(arm, gap) * arm
        change = change / (1.0 + mass_over_inertia * dot(arm, arm))
        along = dot(change, hand.closing_axis) * hand.closing_axis
        across = change - along
        budget = 2.0 * bodies.friction * hand.force * self.h / bodies.mass
        need = length(across)
        carried = (budget / (need + TINY)).clamp(max=1.0)
        change = along + carried * across
        turning = about + tilt + mass_over_inertia * cross(arm, change)
        return held * change, held * turning, GraspCoupling(held, carried)

    @staticmethod
    def _rotated(arm: Tensor, angle: Tensor) -> Tensor:
        """An arm (3, N) after a small rotation vector (3, N)."""
        tangent = cross(angle, arm)
        return arm + tangent + 0.5 * cross(angle, tangent)

    @staticmethod
    def _friction_share(vector: Tensor, most: Tensor) -> Tensor:
        return (most / (length(vector) + TINY)).clamp(max=1.0)


def signed_distance(local: Tensor, planes: Tensor) -> Tensor:
    """Signed distance (Q, ...) of points (3, Q, ...) to bodies of planes (4, M, ...)."""
    at, normal = local.unsqueeze(1), planes.unsqueeze(2)
    gap = normal[0] * at[0] + normal[1] * at[1] + normal[2] * at[2] - normal[3]  # (M, Q, ...)
    return gap.amax(0)
