"""The hand against bodies: one contact of each convex part of it, two fingers and the palm.

Of the planes that enclose a body and the faces of the part, the one that separated them best when
the substep began gives normal and depth: within it a fast finger may pass the middle of a thin
body. The impulse stops the approach from the moment of touch on and slides by Coulomb's law; what
is left of the overlap is taken out of the position alone (split impulses: Catto, 2006).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.hand_points import SIDES, hand_faces, hand_points
from world_model_node.model.step import Bodies, Motion

TINY = 1e-9
FOLLOWING = torch.tensor([1, 2, 0])  # the axis after each
RECOVERY, FASTEST_RECOVERY_MPS = 0.5, 0.5
SKIN_M, PATCH_M = 5e-4, 2e-3
LEAST_LEVEL = 0.25  # of a normal; what presses from straight above pushes nothing aside
STEEP = 2.0  # how much rather an overlap is taken for one from the side
CLEAR_M = 1e-3  # between a body and a part of the hand that does not touch it at first


class Hand(NamedTuple):
    """The hand within one substep, for every body."""

    position: Tensor  # (3, N) of the grasp frame
    closing: Tensor  # (3, N) its y axis
    sideways: Tensor  # (3, N) its x axis
    approach: Tensor  # (3, N) its z axis
    velocity: Tensor  # (3, N)
    spin: Tensor  # (3, N)
    width: Tensor  # (1, N) m
    force: Tensor  # (1, N) N
    opening: Tensor  # (1, N) m/s


class Shapes(NamedTuple):
    """What bodies look like."""

    points: Tensor  # (3, P, N) from the centre of mass
    planes: Tensor  # (4, M, N) about it


class Touching(NamedTuple):
    """The contacts of every body with the parts of the hand."""

    at: Tensor  # (3, PARTS, N) m
    normal: Tensor  # (3, PARTS, N) out of the body
    depth: Tensor  # (1, PARTS, N) m; not positive where there is none
    velocity: Tensor  # (3, PARTS, N) of what touches [m/s]


class Impulse(NamedTuple):
    """What changes motion and place."""

    velocity: Tensor  # (3, N)
    spin: Tensor  # (3, N) world frame
    shift: Tensor  # (3, N) of the place within this substep [m]
    turn: Tensor  # (3, N) rotation vector within it, world frame


def deepest(local: Tensor, planes: Tensor) -> Tensor:
    """Signed distance (Q, ...) of points (3, Q, ...) to bodies of planes (4, M, ...)."""
    at, normal = local.unsqueeze(1), planes.unsqueeze(2)
    gap = normal[0] * at[0] + normal[1] * at[1] + normal[2] * at[2] - normal[3]  # (M, Q, ...)
    return gap.amax(0)


def to_body(R: Tensor, vectors: Tensor) -> Tensor:
    """World vectors (3, Q, N) in body frames; R (9, N)."""
    return (R.reshape(3, 3, 1, -1) * vectors.unsqueeze(1)).sum(0)


def to_world(R: Tensor, vectors: Tensor) -> Tensor:
    """Body vectors (3, Q, N) in the world frame; R (9, N)."""
    return (R.reshape(3, 3, 1, -1) * vectors.unsqueeze(0)).sum(1)


def cross(a: Tensor, b: Tensor) -> Tensor:
    """The vector product along the first axis. Shape (3, ...)."""
    following = FOLLOWING.to(a.device)
    turned = a * b.index_select(0, following) - a.index_select(0, following) * b
    return turned.index_select(0, following)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """The scalar product along the first axis. Shape (1, ...)."""
    return (a * b).sum(0, keepdim=True)


def length(a: Tensor) -> Tensor:
    """The norm along the first axis. Shape (1, ...)."""
    return (dot(a, a) + TINY**2).sqrt()


def since_touch(depth: Tensor, approach: Tensor, h: float) -> Tensor:
    """How long ago within the substep bodies met that are so deep in each other now [s]."""
    return (depth / (approach.relu() + TINY)).clamp(max=h).detach()


class HandContact(nn.Module):
    """A hand that pushes."""

    def __init__(self, substep_s: float) -> None:
        super().__init__()
        self.h = substep_s
        points, faces = (
            torch.tensor(a, dtype=torch.float32) for a in (hand_points(), hand_faces())
        )
        self.register_buffer('points', points, False)  # (PARTS, Q, 3)
        self.register_buffer('faces', faces, False)  # (PARTS, FACES, 4)
        self.register_buffer('sides', torch.tensor(SIDES).unsqueeze(1), False)  # (PARTS, 1)

    def before(self, hand: Hand) -> Hand:
        """The hand as the substep began."""
        axes = (a - self.h * cross(hand.spin, a) for a in hand[1:4])
        return Hand(
            hand.position - self.h * hand.velocity, *axes, hand.velocity, hand.spin,
            hand.width - self.h * hand.opening, hand.force, hand.opening,
        )  # fmt: skip

    def separation(
        self, position: Tensor, R: Tensor, shapes: Shapes, hand: Hand
    ) -> tuple[Tensor, Tensor, Tensor]:
        """How far the parts are from bodies along every axis that may separate them.

        Returns:
            Distances (PARTS, A, N); in the grasp frame the axes out of the body (3, PARTS, A, N),
            and the bodies' points (3, P, N).
        """
        to_hand = torch.stack([hand.sideways, hand.closing, hand.approach])  # (3, 3, N)
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
        by_part = reach - self.faces[..., 3:] - own[..., 1:2] * aside  # (PARTS, FACES, N)
        parts, N = len(own), position.shape[1]
        axes = torch.cat(
            [
                normals.unsqueeze(1).expand(3, parts, *normals.shape[1:]),
                -own.permute(2, 0, 1).unsqueeze(-1).expand(3, *own.shape[:2], N),
            ],
            2,
        )
        return torch.cat([by_body, by_part], 1), axes, points

    def overlap(self, position: Tensor, R: Tensor, shapes: Shapes, hand: Hand) -> Tensor:
        """How deep [m] the hand is in bodies that it cannot be in, along one axis each.

        Where the hand is there is no body: it is badly known shape, and would be thrust out. A
        finger stands beside a body rather than in its top. Shape (PARTS, A, N).
        """
        gap, axes, _ = self.separation(position, R, shapes, hand)
        best = (gap * (1.0 + STEEP * axes[2].abs())).argmax(1, keepdim=True)
        own = torch.arange(gap.shape[1], device=gap.device).reshape(1, -1, 1) == best
        inside = gap.amax(1, keepdim=True) < CLEAR_M
        return torch.where(own & inside, (CLEAR_M - gap).relu(), torch.zeros_like(gap))

    def touching(
        self,
        before: Motion,
        R0: Tensor,
        motion: Motion,
        R: Tensor,
        shapes: Shapes,
        hand: Hand,
        overlap: Tensor,
    ) -> Touching:
        """Where the hand is in bodies.

        Args:
            before: N bodies as the substep began.
            R0: (9, N) their rotation then.
            motion: As they are.
            R: (9, N) their rotation.
            shapes: Of them.
            hand: At the end of the substep.
            overlap: (PARTS, A, N) of the very start, which is none.
        """
        was, _, _ = self.separation(before.position, R0, shapes, self.before(hand))
        best = (was.detach() + overlap).argmax(1, keepdim=True)  # (PARTS, 1, N)
        gap, axes, points = self.separation(motion.position, R, shapes, hand)
        gap = (gap + overlap).gather(1, best)[:, 0]
        normal = axes.gather(2, best.unsqueeze(0).expand(3, *best.shape))[:, :, 0]
        at = self._middle(normal.detach(), points, hand)  # (3, PARTS, N) in the grasp frame
        basis = torch.stack([hand.sideways, hand.closing, hand.approach], 1)  # (3, 3, N)
        arm, normal = ((basis.unsqueeze(2) * v.unsqueeze(0)).sum(1) for v in (at, normal))
        turning = cross(hand.spin.unsqueeze(1).expand_as(arm), arm)
        closing = (0.5 * self.sides * hand.opening).unsqueeze(0) * hand.closing.unsqueeze(1)
        normal, depth = self._aside(normal, (SKIN_M - gap).unsqueeze(0), motion.borne)
        return Touching(
            hand.position.unsqueeze(1) + arm,
            normal,
            depth,
            hand.velocity.unsqueeze(1) + turning + closing,
        )

    @staticmethod
    def _aside(normal: Tensor, depth: Tensor, borne: Tensor) -> tuple[Tensor, Tensor]:
        """Normal and depth of what cannot give way downwards, for the table bears it: level."""
        level = torch.cat([normal[:2], torch.zeros_like(normal[:1])])
        share = length(level)
        wedged = (borne.unsqueeze(1) > 0.0) & (normal[2:] > 0.0) & (share > LEAST_LEVEL)
        normal = torch.where(wedged, level / share, normal)
        return normal, torch.where(wedged, depth / share, depth)

    def _middle(self, normal: Tensor, points: Tensor, hand: Hand) -> Tensor:
        """Between what of part and body reaches farthest, the smaller patch counting more."""
        body, wide = _patch(points.unsqueeze(1), normal)
        own = self.points.permute(2, 0, 1).unsqueeze(-1)  # (3, PARTS, Q, 1)
        aside = (0.5 * self.sides * hand.width).reshape(1, -1, 1, hand.width.shape[1])
        moved = torch.cat([own[:1] + 0.0 * aside, own[1:2] + aside, own[2:] + 0.0 * aside])
        part, narrow = _patch(moved, -normal)
        return part + narrow / (narrow + wide) * (body - part)

    def forward(self, motion: Motion, spin: Tensor, bodies: Bodies, touch: Touching) -> Impulse:
        """What the contacts do within one substep; `spin` (3, N) in the world frame."""
        gyration, friction = bodies.gyration.unsqueeze(1), bodies.friction.unsqueeze(1)
        there = touch.depth.sign().relu()
        r = touch.at - motion.position.unsqueeze(1)
        omega = spin.unsqueeze(1).expand_as(r)
        u = motion.velocity.unsqueeze(1) + cross(omega, r) - touch.velocity
        approach = dot(u, touch.normal)
        pressed = there * approach.sign().relu()
        lever = cross(r, touch.normal)
        yielding = 1.0 + gyration * dot(lever, lever)
        push = approach.relu() * pressed / yielding  # velocity of the centre of mass
        sliding = u - approach * touch.normal
        speed = length(sliding)
        drag = torch.minimum(friction * push, speed * pressed / (1.0 + gyration * dot(r, r)))
        change = -push * touch.normal - drag * sliding / (speed + TINY)
        change = change / self._alike(touch.normal, pressed)
        turning = gyration * cross(r, change)
        since = since_touch(touch.depth.relu(), approach, self.h)
        left = (touch.depth - since * approach.relu()).relu()
        out = (RECOVERY * left).clamp(max=FASTEST_RECOVERY_MPS * self.h)
        out = out * there / self._alike(touch.normal, there)
        shift = since * change - out * touch.normal
        return Impulse(*(v.sum(1) for v in (change, turning, shift, since * turning)))

    @staticmethod
    def _alike(normal: Tensor, there: Tensor) -> Tensor:
        """How many contacts push the same way: they share what one would do. (1, PARTS, N)."""
        same = (normal.unsqueeze(2) * normal.unsqueeze(1)).sum(0).relu()  # (PARTS, PARTS, N)
        return (same * there[0].unsqueeze(0)).sum(1).clamp(min=1.0).unsqueeze(0)


def _patch(points: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Middle (3, PARTS, N) and squared size (1, PARTS, N) of what reaches farthest.

    Of points (3, PARTS or 1, Q, N) along directions (3, PARTS, N).
    """
    reach = (points * direction.unsqueeze(2)).sum(0)  # (PARTS, Q, N)
    weight = (reach - reach.amax(1, keepdim=True) + PATCH_M).relu()
    weight = weight / weight.sum(1, keepdim=True)
    middle = (weight * points).sum(2)
    square = (weight * (points * points).sum(0)).sum(1)
    spread = (square - (middle * middle).sum(0)).relu() + PATCH_M**2
    return middle, spread.unsqueeze(0)
