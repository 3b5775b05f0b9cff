"""Contacts between the hand and bodies: four of each convex part (two fingers and the palm).

Among the enclosing planes of a body and the faces of a part, the best separating axis at the
beginning of the substep gives normal and depth: within a substep, a fast finger may pass the
middle of a thin body. The contacts are the corners of the overlap of the two surfaces, so that a
flat side does not turn about a flat finger. contact_step.py solves for the contacts together with
the table: solved one after the other, a push would tip and turn a body that the table supports.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.robot.hand_geometry import TrainedHandShape
from world_model_node.model.algebra.vectors import cross, length, to_world
from world_model_node.model.contact.body_state import MotionState
from world_model_node.model.contact.contact_config import HandContactConfig
from world_model_node.model.contact.external_contact import ExternalContacts
from world_model_node.model.contact.hand_points import OPENING_SIGNS, hand_faces, hand_points

NUM_CORNERS = 4  # contacts of each part of the hand


class HandKinematics(NamedTuple):
    """The hand in one substep, repeated for every body."""

    position: Tensor  # (3, N) of the grasp frame
    closing_axis: Tensor  # (3, N) y axis of the grasp frame
    lateral_axis: Tensor  # (3, N) x axis
    approach_axis: Tensor  # (3, N) z axis
    velocity: Tensor  # (3, N)
    spin: Tensor  # (3, N)
    width: Tensor  # (1, N) m
    force: Tensor  # (1, N) N
    opening_speed_mps: Tensor  # (1, N) m/s


class ConvexShapes(NamedTuple):
    """Contact points and enclosing planes of bodies."""

    points: Tensor  # (3, P, N) from the centre of mass
    planes: Tensor  # (4, M, N) about the centre of mass


class HandContact(nn.Module):
    """The contacts of the hand's parts with bodies."""

    def __init__(
        self, substep_s: float, hand: TrainedHandShape, config: HandContactConfig
    ) -> None:
        super().__init__()
        self.h, self.config = substep_s, config
        points, faces = (
            torch.tensor(a, dtype=torch.float32) for a in (hand_points(hand), hand_faces(hand))
        )
        self.register_buffer('points', points, False)  # (PARTS, Q, 3)
        self.register_buffer('faces', faces, False)  # (PARTS, NUM_FACES, 4)
        self.register_buffer(
            'sides', torch.tensor(OPENING_SIGNS).unsqueeze(1), False
        )  # (PARTS, 1)
        self.register_buffer('axes', torch.eye(3).reshape(3, 3, 1, 1), False)

    def at_substep_start(self, hand: HandKinematics) -> HandKinematics:
        """The hand at the beginning of the substep."""
        axes = (a - self.h * cross(hand.spin, a) for a in hand[1:4])
        return HandKinematics(
            hand.position - self.h * hand.velocity, *axes, hand.velocity, hand.spin,
            hand.width - self.h * hand.opening_speed_mps, hand.force, hand.opening_speed_mps,
        )  # fmt: skip

    def separation(
        self, position: Tensor, R: Tensor, shapes: ConvexShapes, hand: HandKinematics
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Distances between the parts and bodies along every candidate axis of separation.

        Returns:
            Distances (PARTS, A, N); in the grasp frame the axes out of the body (3, PARTS, A, N),
            and the bodies' points (3, P, N).
        """
        to_hand = torch.stack(
            [hand.lateral_axis, hand.closing_axis, hand.approach_axis]
        )  # (3, 3, N)
        turn = (to_hand.unsqueeze(2) * R.reshape(1, 3, 3, -1)).sum(1).flatten(0, 1)
        at = (to_hand * (position - hand.position)).sum(1)  # (3, N)
        points = to_world(turn, shapes.points) + at.unsqueeze(1)
        normals = to_world(turn, shapes.planes[:3])  # (3, M, N)
        offsets = shapes.planes[3] + (normals * at.unsqueeze(1)).sum(0)
        aside = (0.5 * self.sides * hand.width).unsqueeze(1)  # (PARTS, 1, N)
        own = self.faces[..., :3]
        reach = self.points.flatten(0, 1) @ normals.flatten(1)
        reach = reach.reshape(*self.points.shape[:2], *normals.shape[1:]).amin(1)
        by_body = reach + normals[1] * aside - offsets  # (PARTS, M, N)
        reach = own.flatten(0, 1) @ points.flatten(1)
        reach = reach.reshape(*own.shape[:2], *points.shape[1:]).amin(2)
        by_part = reach - self.faces[..., 3:] - own[..., 1:2] * aside  # (PARTS, NUM_FACES, N)
        parts, N = len(own), position.shape[1]
        axes = torch.cat(
            [
                normals.unsqueeze(1).expand(3, parts, *normals.shape[1:]),
                -own.permute(2, 0, 1).unsqueeze(-1).expand(3, *own.shape[:2], N),
            ],
            2,
        )
        return torch.cat([by_body, by_part], 1), axes, points

    def overlap(
        self, position: Tensor, R: Tensor, shapes: ConvexShapes, hand: HandKinematics
    ) -> Tensor:
        """Initial overlap [m] of the hand with tracked shapes, along one axis each.

        An initial overlap is an error of the tracked shape and must not push the body away. The
        axis is rather lateral than vertical, since a finger stands beside a body rather than in
        the top of the body. Shape (PARTS, A, N).
        """
        gap, axes, _ = self.separation(position, R, shapes, hand)
        best = (gap * (1.0 + self.config.vertical_penalty * axes[2].abs())).argmax(1, keepdim=True)
        own = torch.arange(gap.shape[1], device=gap.device).reshape(1, -1, 1) == best
        clearance_m = self.config.clearance_m
        inside = gap.amax(1, keepdim=True) < clearance_m
        return torch.where(own & inside, (clearance_m - gap).relu(), torch.zeros_like(gap))

    def forward(
        self,
        motion: MotionState,
        R: Tensor,
        shapes: ConvexShapes,
        hand: HandKinematics,
        overlap: Tensor,
        held: Tensor,
    ) -> ExternalContacts:
        """The contacts between the hand and bodies as a substep begins.

        Args:
            motion: Motion of N bodies.
            R: Rotations of the bodies. Shape (9, N).
            shapes: Shapes of the bodies.
            hand: The hand as the substep begins.
            overlap: Overlap at the beginning of the rollout. Shape (PARTS, A, N).
            held: Probability that a body is held, and so not pushed. Shape (1, N).
        """
        gap, axes, points = self.separation(motion.position, R, shapes, hand)
        gap = gap + overlap
        best = gap.detach().argmax(1, keepdim=True)  # (PARTS, 1, N)
        gap = gap.gather(1, best)[:, 0]
        normal = axes.gather(2, best.unsqueeze(0).expand(3, *best.shape))[:, :, 0]
        at = self._corners(normal.detach(), points, hand)  # (3, C, N) in the grasp frame
        basis = torch.stack(
            [hand.lateral_axis, hand.closing_axis, hand.approach_axis], 1
        )  # (3, 3, N)
        arm, normal = ((basis.unsqueeze(2) * v.unsqueeze(0)).sum(1) for v in (at, normal))
        turning = cross(hand.spin.unsqueeze(1).expand_as(arm), arm)
        closing = (0.5 * self.sides * hand.opening_speed_mps).unsqueeze(
            0
        ) * hand.closing_axis.unsqueeze(1)
        return ExternalContacts(
            hand.position.unsqueeze(1) + arm - motion.position.unsqueeze(1),
            _for_every_corner(normal),
            _for_every_corner((self.config.margin_m - gap).unsqueeze(0)),
            hand.velocity.unsqueeze(1) + turning + _for_every_corner(closing),
            1.0 - held.unsqueeze(1),
        )

    def _corners(self, normal: Tensor, points: Tensor, hand: HandKinematics) -> Tensor:
        """The corners of the overlap of part and body. Shape (3, 4 PARTS, N)."""
        c = self.config
        base = torch.where(normal[2:].abs() > c.vertical_cosine, self.axes[0], self.axes[2])
        one = cross(base.expand_as(normal), normal)
        one = one / length(one)
        other = cross(normal, one)
        own = self.points.permute(2, 0, 1).unsqueeze(-1)  # (3, PARTS, Q, 1)
        aside = (0.5 * self.sides * hand.width).reshape(1, -1, 1, hand.width.shape[1])
        own = torch.cat([own[:1] + 0.0 * aside, own[1:2] + aside, own[2:] + 0.0 * aside])
        body, low, high = _patch_extent(
            points.unsqueeze(1), normal, (one, other), c.body_patch_depth_m, c.out_of_reach_m
        )
        part, own_low, own_high = _patch_extent(
            own, -normal, (one, other), c.hand_patch_depth_m, c.out_of_reach_m
        )
        low, high = torch.maximum(low, own_low), torch.minimum(high, own_high)
        middle = 0.5 * (low + high)  # of the gap, for surfaces that miss each other
        low, high = torch.minimum(low, middle), torch.maximum(high, middle)
        out = 0.5 * (body - part) * normal
        return torch.cat(
            [out + x * one + y * other for x in (low[:1], high[:1]) for y in (low[1:], high[1:])],
            1,
        )


def _for_every_corner(value: Tensor) -> Tensor:
    """The value repeated for every corner."""
    return torch.cat([value] * NUM_CORNERS, 1)


def _patch_extent(
    points: Tensor,
    direction: Tensor,
    axes: tuple[Tensor, Tensor],
    depth_m: float,
    out_of_reach_m: float,
) -> tuple[Tensor, ...]:
    """Reach (1, PARTS, N) and lower and upper ends (2, PARTS, N) of a contact patch.

    The patch holds the points of (3, PARTS or 1, Q, N) within `depth_m` of the foremost along
    directions (3, PARTS, N); the ends are those along two axes.
    """
    reach = (points * direction.unsqueeze(2)).sum(0)  # (PARTS, Q, N)
    most = reach.amax(1, keepdim=True)
    far = out_of_reach_m * (reach < most - depth_m).to(reach)
    along = torch.stack([(points * axis.unsqueeze(2)).sum(0) for axis in axes])
    return most.permute(1, 0, 2), (along + far).amin(2), (along - far).amax(2)
