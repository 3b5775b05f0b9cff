"""Bodies against each other: one contact per pair, along the axis that separates them best.

Of the planes that enclose either body, the one that the other reached through least when the
substep began gives normal and depth (separating axes); where they touch is the middle of the
points that reach farthest, of both bodies, the smaller patch counting more.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.algebra.vectors import TINY, cross, dot, length, to_world
from world_model_node.model.contact.body_state import BodyBatch, MotionState

CONTACT_MARGIN_M, PATCH_DEPTH_M, TIE_WIDTH_M = 5e-4, 2e-3, 5e-4
PENETRATION_RECOVERY, MAX_RECOVERY_MPS = 0.5, 0.3  # of an overlap per substep, at most


class ContactImpulse(NamedTuple):
    """What changes motion and place."""

    velocity: Tensor  # (3, N)
    spin: Tensor  # (3, N) world frame
    displacement: Tensor  # (3, N) of the place within this substep [m]
    rotation: Tensor  # (3, N) rotation vector within it, world frame


class ObjectContact(nn.Module):
    """Impulses between the n bodies of every group; bodies along the last axis, n fastest."""

    def __init__(self, substep_s: float) -> None:
        super().__init__()
        self.h = substep_s

    def forward(
        self,
        before: tuple[Tensor, Tensor],
        motion: MotionState,
        spin: Tensor,
        R: Tensor,
        bodies: BodyBatch,
        planes: Tensor,
        present: Tensor,
        n: int,
    ) -> ContactImpulse:
        """What they do to each other within one substep.

        Args:
            before: positions (3, G * n) and rotations (9, G * n) as it began.
            motion: of G * n bodies.
            spin: (3, G * n) world frame.
            R: (9, G * n).
            bodies: their parameters.
            planes: (4, M, G * n) about the centre of mass.
            present: (1, G * n).
            n: bodies of one group.
        """
        at, normal, depth, touching = self._contacts(before, motion, R, bodies, planes, present, n)
        one, other = _rows(motion.position, n), _columns(motion.position, n)
        r1, r2 = at - one, at - other
        w1, w2 = _rows(spin, n), _columns(spin, n)
        v1, v2 = _rows(motion.velocity, n), _columns(motion.velocity, n)
        u = v1 + cross(w1, r1) - v2 - cross(w2, r2)
        approach = -dot(u, normal)
        m1, m2 = _rows(bodies.mass, n), _columns(bodies.mass, n)
        g1, g2 = _rows(bodies.mass_over_inertia, n), _columns(bodies.mass_over_inertia, n)
        lever1, lever2 = cross(r1, normal), cross(r2, normal)
        normal_compliance = (1.0 + g1 * dot(lever1, lever1)) / m1 + (
            1.0 + g2 * dot(lever2, lever2)
        ) / m2
        restitution_factor = 1.0 + _rows(bodies.restitution, n) * _columns(bodies.restitution, n)
        push = restitution_factor * approach.relu() * touching / normal_compliance  # N s
        friction = _rows(bodies.friction, n) * _columns(bodies.friction, n)
        sliding = u + approach * normal
        speed = length(sliding)
        tangential_compliance = (1.0 + g1 * dot(r1, r1)) / m1 + (1.0 + g2 * dot(r2, r2)) / m2
        drag = torch.minimum(friction * push, speed * touching / tangential_compliance)
        impulse = push * normal - drag * sliding / (speed + TINY)
        since = time_since_contact(depth, approach, self.h)
        remaining_depth = (depth - since * approach.relu()).relu()
        correction = (
            (PENETRATION_RECOVERY * remaining_depth).clamp(max=MAX_RECOVERY_MPS * self.h)
            * touching
            * m2
            / (m1 + m2)
        )
        both = impulse - impulse.transpose(-1, -2)  # what acts on the other acts back on this
        back = cross(r1, impulse) - cross(r2, impulse).transpose(-1, -2)
        since = torch.maximum(since * touching, (since * touching).transpose(-1, -2))
        apart = correction * normal
        apart = apart - (apart * m1 / m2).transpose(-1, -2)
        turning = bodies.mass_over_inertia / bodies.mass
        return ContactImpulse(
            both.sum(-1).flatten(1) / bodies.mass,
            back.sum(-1).flatten(1) * turning,
            apart.sum(-1).flatten(1) + (since * both).sum(-1).flatten(1) / bodies.mass,
            (since * back).sum(-1).flatten(1) * turning,
        )

    @staticmethod
    def _contacts(
        before: tuple[Tensor, Tensor],
        motion: MotionState,
        R: Tensor,
        bodies: BodyBatch,
        planes: Tensor,
        present: Tensor,
        n: int,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Point, normal out of the other, depth, whether: (., G, n, n) one by other."""
        arms = to_world(R, bodies.points[1:])  # (3, P, G n)
        best = _best_planes(before, bodies, planes, n)
        reach, normal = _plane_distances(arms, R, planes.detach(), motion.position, best, n)
        gap = reach.amin(-1)  # (G, n, n)
        at = _contact_points(arms, motion.position, reach, normal, n)
        back = gap.transpose(-1, -2)
        index = torch.arange(n, device=gap.device)
        apart = (index.unsqueeze(1) != index).to(gap)
        mask = apart * present.reshape(-1, n, 1) * present.reshape(-1, 1, n)
        touching = torch.sigmoid((gap - back).detach() / TIE_WIDTH_M) * mask
        touching = touching * (torch.maximum(gap, back) < CONTACT_MARGIN_M).to(gap)
        return at, normal, (CONTACT_MARGIN_M - gap).relu().unsqueeze(0), touching.unsqueeze(0)


def _best_planes(
    before: tuple[Tensor, Tensor], bodies: BodyBatch, planes: Tensor, n: int
) -> Tensor:
    """Which plane (G, one, other) of the other one passes least; all pairs in one product."""
    position, R = (value.detach() for value in before)
    points = to_world(R, bodies.points[1:].detach()) + position.unsqueeze(1)
    points = torch.cat([points, bodies.points[:1]])  # (4, P, G n)
    world_planes = _world_planes(R, planes.detach(), position)
    P, M = points.shape[1], world_planes.shape[1]
    rows = world_planes.reshape(4, M, -1, n).permute(2, 1, 3, 0).reshape(-1, M * n, 4)
    columns = points.reshape(4, P, -1, n).permute(2, 0, 3, 1).reshape(-1, 4, n * P)
    gap = (rows @ columns).reshape(-1, M, n, n, P)  # (G, M, other, one, P)
    return gap.amin(-1).argmax(1).transpose(-1, -2)


def _world_planes(R: Tensor, planes: Tensor, position: Tensor) -> Tensor:
    """Planes (4, M, G * n) in the world: normal, and minus the offset."""
    normals = to_world(R, planes[:3])
    offsets = planes[3:] + (normals * position.unsqueeze(1)).sum(0, keepdim=True)
    return torch.cat([normals, -offsets])


def _plane_distances(
    arms: Tensor, R: Tensor, planes: Tensor, position: Tensor, best: Tensor, n: int
) -> tuple[Tensor, Tensor]:
    """How far points of one are from the best plane of the other, and its normal.

    Args:
        arms: (3, P, G * n) points from the centre of mass, world frame.
        R: (9, G * n).
        planes: (4, M, G * n) about the centre of mass.
        position: (3, G * n).
        best: (G, one, other) of the planes.
        n: bodies of one group.

    Returns:
        Shape (G, n, n, P) and (3, G, n, n), one by other.
    """
    P, M = arms.shape[1], planes.shape[1]
    world_planes = _world_planes(R, planes, position).reshape(4, M, -1, n)
    world_plane = world_planes.transpose(1, 2).gather(2, best.unsqueeze(0).expand(4, -1, n, n))
    normal, offset = world_plane.split([3, 1])
    middle = (normal * _rows(position, n)).sum(0) + offset[0]
    arms = arms.reshape(3, P, -1, n).permute(2, 3, 0, 1)  # (G, one, 3, P)
    return normal.permute(1, 2, 3, 0) @ arms + middle.unsqueeze(-1), normal


def _contact_points(
    arms: Tensor, position: Tensor, reach: Tensor, normal: Tensor, n: int
) -> Tensor:
    """The middle (3, G, n, n) of where one and other reach farthest; of `_plane_distances`."""
    P = arms.shape[1]
    table = torch.cat([arms, (arms * arms).sum(0, keepdim=True)])
    table = table.reshape(4, P, -1, n).permute(2, 3, 1, 0)  # (G, n, P, 4)
    away = -normal.permute(1, 3, 2, 0) @ table[..., :3].transpose(-1, -2)  # (G, other, one, P)
    a, b = _contact_patch(table, reach), _contact_patch(table, away)
    one = a[:3] + _rows(position, n)
    other = b[:3].transpose(-1, -2) + _rows(position, n).transpose(-1, -2)
    size = b[3:].transpose(-1, -2)
    return other + size / (a[3:] + size) * (one - other)


def _contact_patch(table: Tensor, reach: Tensor) -> Tensor:
    """Middle and squared size (4, G, n, n) of the points that reach lowest (G, n, n, P).

    Of points and their squared lengths (G, n, P, 4).
    """
    weight = (reach.amin(-1, keepdim=True) + PATCH_DEPTH_M - reach).relu()
    weight = weight / weight.sum(-1, keepdim=True)
    first = (weight @ table).permute(3, 0, 1, 2)
    middle, square = first.split([3, 1])
    spread = (square - (middle * middle).sum(0, keepdim=True)).relu()
    return torch.cat([middle, spread + PATCH_DEPTH_M**2])


def _rows(value: Tensor, n: int) -> Tensor:
    return value.reshape(len(value), -1, n, 1)


def _columns(value: Tensor, n: int) -> Tensor:
    return value.reshape(len(value), -1, 1, n)


def time_since_contact(depth: Tensor, approach: Tensor, h: float) -> Tensor:
    """How long ago within the substep bodies met that are so deep in each other now [s]."""
    return (depth / (approach.relu() + TINY)).clamp(max=h).detach()
