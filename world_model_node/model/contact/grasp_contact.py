"""Bodies between closed pads: friction makes a held body follow the hand.

The pads transmit a force of up to 2 mu F across their normal and, by their size, some torque. The
rest of the impulse that the hand's motion would demand becomes slip.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.robot.hand_geometry import TrainedHandShape
from world_model_node.model.algebra.vectors import TINY, cross, dot, length, to_body
from world_model_node.model.contact.body_state import BodyBatch, MotionState
from world_model_node.model.contact.contact_config import GraspContactConfig
from world_model_node.model.contact.hand_contact import HandKinematics
from world_model_node.model.contact.hand_trajectory import WIDTH_ROW, hand_at_substep


class GraspCoupling(NamedTuple):
    """State of the grasp of each body."""

    held: Tensor  # (1, N) in [0, 1]
    carried: Tensor  # (1, N) share of the required force that friction transmits


class GraspInit(NamedTuple):
    """The grasp at the beginning of a rollout."""

    held: Tensor  # (1, N)
    grasp_point: Tensor  # (3, N) grasp point in the body frame
    width: Tensor  # (1, N)
    max_width_m: Tensor  # (1, N) largest opening up to the end
    finger_clearance: Tensor  # (1, N) probability that both fingers descend beside the body


class GraspContact(nn.Module):
    """Makes held bodies follow the hand within the limits of friction."""

    def __init__(
        self, substep_s: float, hand: TrainedHandShape, config: GraspContactConfig
    ) -> None:
        super().__init__()
        self.h, self.config, self.fingertip_z_m = substep_s, config, hand.fingertip_z_m
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
        """Probability that each body is between closed pads, without gradient. Shape (1, N)."""
        motion, R, planes, hand, grasp_init = (
            type(t)(*(v.detach() for v in t)) if isinstance(t, tuple) else t.detach()
            for t in (motion, R, planes, hand, grasp_init)
        )
        c = self.config
        x, z = self.probes.unsqueeze(2).unbind(0)  # (Q, 1)
        points = hand.position.unsqueeze(1) + x * hand.lateral_axis.unsqueeze(1)
        points = points + z * hand.approach_axis.unsqueeze(1)
        local = to_body(R, points - motion.position.unsqueeze(1))
        inside = torch.sigmoid(-signed_distance(local, planes) / c.softness_m).mean(
            0, keepdim=True
        )
        ahead, behind = self._reach(R, planes, local[:, 0], hand.closing_axis)
        span = ahead + behind
        closed = torch.sigmoid((span + c.closed_tolerance_m - hand.width) / c.softness_m)
        fits = torch.sigmoid((grasp_init.max_width_m + c.closed_tolerance_m - span) / c.softness_m)
        grasped = (
            torch.sigmoid((inside - c.min_inside) / c.inside_softness)
            * closed
            * fits
            * grasp_init.finger_clearance
        )
        slid = length(local[:, 0] - grasp_init.grasp_point)
        stays = torch.sigmoid((c.max_slide_m - slid) / c.slide_softness_m)
        stays = stays * torch.sigmoid(
            (grasp_init.width + c.opening_tolerance_m - hand.width) / c.softness_m
        )
        kept = grasp_init.held * stays
        return (grasped + kept - grasped * kept) * (hand.force > 0.0).to(grasped)

    def finger_clearance(
        self, position: Tensor, R: Tensor, planes: Tensor, path: Tensor, max_width_m: Tensor
    ) -> Tensor:
        """Probability that both fingers of an open hand descend beside each body. Shape (1, N).

        The estimate uses the initial poses of the bodies and the lowest pose of the hand before
        closing. A body that is between the fingers from the start counts as clear.

        Args:
            position: Centres of mass. Shape (3, N).
            R: Rotations of the bodies. Shape (9, N).
            planes: Enclosing planes about the centre of mass. Shape (4, M, N).
            path: Rows of `HandKinematics`. Shape (T, C, A).
            max_width_m: Largest opening of the hand. Shape (1, N).
        """
        c = self.config
        width, height = path[:, WIDTH_ROW], path[:, 2]  # (T, A)
        open_m = width.amax(0, keepdim=True)
        lowest = (
            height + c.out_of_reach_m * (width < open_m - c.opening_tolerance_m).to(height)
        ).argmin(0)
        row = path.gather(0, lowest.reshape(1, 1, -1).expand(1, *path.shape[1:]))[0]
        descent = hand_at_substep(path[0] - row, position.shape[1]).position[2:]
        hand = hand_at_substep(row, position.shape[1])
        tip = hand.position + self.fingertip_z_m * hand.approach_axis
        middle = to_body(R, (tip - position).unsqueeze(1))[:, 0]
        ahead, behind = self._reach(R, planes, middle, hand.closing_axis)
        clearance = 0.5 * max_width_m + c.shape_excess_m - torch.maximum(ahead, behind)
        already_there = torch.sigmoid((c.min_descent_m - descent) / c.softness_m)
        fits = torch.sigmoid(clearance / c.shape_sigma_m)
        fits = c.slide_off_probability + (1.0 - c.slide_off_probability) * fits
        return torch.maximum(fits, already_there).detach()

    def _reach(
        self, R: Tensor, planes: Tensor, middle: Tensor, closing: Tensor
    ) -> tuple[Tensor, ...]:
        """Extents (1, N) of bodies from a point in both directions of the closing axis."""
        c = self.config
        axis = to_body(R, closing.unsqueeze(1))[:, 0]
        slope = (planes[:3] * axis.unsqueeze(1)).sum(0)  # (M, N)
        clearance = planes[3] - (planes[:3] * middle.unsqueeze(1)).sum(0)
        reach = clearance / slope.abs().clamp(min=c.min_slope)
        ahead = torch.where(slope > c.min_slope, reach, c.out_of_reach_m).amin(0, keepdim=True)
        behind = torch.where(slope < -c.min_slope, reach, c.out_of_reach_m).amin(0, keepdim=True)
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
        """Changes of velocity and spin (3, N) of held bodies, world frame.

        The wanted velocity follows the arc of the hand's rotation to second order: along the
        tangent, a body would creep out of the hand.

        Args:
            before: Centres of mass as the substep begins. Shape (3, N).
            motion: Motion without the hand.
            spin: Spin without the hand, world frame. Shape (3, N).
            bodies: Parameters of the bodies.
            hand: The hand at the end of the substep.
            held: Probability that each body is held. Shape (1, N).
        """
        arm = hand.position - self.h * hand.velocity - before
        wanted = hand.velocity + (arm - self._rotated(arm, self.h * hand.spin)) / self.h
        # torque about the grasp, per moment of inertia
        mass_over_inertia = bodies.mass_over_inertia
        twist = (hand.spin - spin) - mass_over_inertia * cross(arm, wanted - motion.velocity)
        about = dot(twist, hand.closing_axis) * hand.closing_axis
        tilt = twist - about
        strength = 2.0 * hand.force * self.h * mass_over_inertia / bodies.mass
        about = about * self._friction_share(
            about, strength * bodies.friction * self.config.torsion_arm_m
        )
        tilt = tilt * self._friction_share(tilt, strength * self.config.tilt_arm_m)
        # with too little torque the body swings about the grasp point, which follows the hand
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
