"""Bodies against each other: one contact per pair, along the axis that separates them best.

Of the planes that enclose either body, the one that the other reaches through least gives normal
and depth (separating axes); where they touch is the middle of the points that reach farthest, of
both bodies, the smaller patch counting more.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from world_model_node.model.hand_contact import (
    RECOVERY,
    TINY,
    Impulse,
    cross,
    dot,
    length,
    to_world,
)
from world_model_node.model.step import Bodies, Motion

SKIN_M, PATCH_M, ALIKE_M = 5e-4, 2e-3, 5e-4
FASTEST_RECOVERY_MPS = 0.3


class ObjectContact(nn.Module):
    """Impulses between the n bodies of every group; bodies along the last axis, n fastest."""

    def __init__(self, substep_s: float) -> None:
        super().__init__()
        self.h = substep_s

    def forward(
        self,
        motion: Motion,
        spin: Tensor,
        R: Tensor,
        bodies: Bodies,
        planes: Tensor,
        present: Tensor,
        n: int,
    ) -> Impulse:
        """What they do to each other within one substep.

        Args:
            motion: of G * n bodies.
            spin: (3, G * n) world frame.
            R: (9, G * n).
            bodies: their parameters.
            planes: (4, M, G * n) about the centre of mass.
            present: (1, G * n).
            n: bodies of one group.
        """
        at, normal, depth, there = self._contacts(motion, R, bodies, planes, present, n)
        one, other = _rows(motion.position, n), _columns(motion.position, n)
        r1, r2 = at - one, at - other
        w1, w2 = _rows(spin, n), _columns(spin, n)
        v1, v2 = _rows(motion.velocity, n), _columns(motion.velocity, n)
        u = v1 + cross(w1, r1) - v2 - cross(w2, r2)
        approach = -dot(u, normal)
        m1, m2 = _rows(bodies.mass, n), _columns(bodies.mass, n)
        g1, g2 = _rows(bodies.gyration, n), _columns(bodies.gyration, n)
        lever1, lever2 = cross(r1, normal), cross(r2, normal)
        yielding = (1.0 + g1 * dot(lever1, lever1)) / m1 + (1.0 + g2 * dot(lever2, lever2)) / m2
        bounce = 1.0 + _rows(bodies.restitution, n) * _columns(bodies.restitution, n)
        push = bounce * approach.relu() * there / yielding  # N s
        friction = _rows(bodies.friction, n) * _columns(bodies.friction, n)
        sliding = u + approach * normal
        speed = length(sliding)
        give = (1.0 + g1 * dot(r1, r1)) / m1 + (1.0 + g2 * dot(r2, r2)) / m2
        drag = torch.minimum(friction * push, speed * there / give)
        impulse = push * normal - drag * sliding / (speed + TINY)
        out = (RECOVERY * depth).clamp(max=FASTEST_RECOVERY_MPS * self.h) * there * m2 / (m1 + m2)
        both = impulse - impulse.transpose(-1, -2)  # what acts on the other acts back on this
        back = cross(r1, impulse) - cross(r2, impulse).transpose(-1, -2)
        apart = out * normal
        apart = apart - (apart * m1 / m2).transpose(-1, -2)
        return Impulse(
            both.sum(-1).flatten(1) / bodies.mass,
            back.sum(-1).flatten(1) * bodies.gyration / bodies.mass,
            apart.sum(-1).flatten(1),
        )

    @staticmethod
    def _contacts(
        motion: Motion, R: Tensor, bodies: Bodies, planes: Tensor, present: Tensor, n: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Point, normal out of the other, depth, whether: (., G, n, n) one by other."""
        points = bodies.points[1:]
        world = to_world(R, points) + motion.position.unsqueeze(1)  # (3, P, G n)
        P, M = points.shape[1], planes.shape[1]
        one, other = world.reshape(3, P, -1, n, 1), world.reshape(3, P, -1, 1, n)
        local = one - motion.position.reshape(3, 1, -1, 1, n)  # (3, P, G, n, n)
        turn = R.reshape(3, 3, -1, 1, n)
        local = (turn.unsqueeze(2) * local.unsqueeze(1)).sum(0)
        plane = _separating(local, planes.reshape(4, M, -1, 1, n))  # (4, G, n, n)
        reach = (plane[:3].unsqueeze(1) * local).sum(0) - plane[3]  # (P, G, n, n)
        gap = reach.amin(0)
        normal = (turn * plane[:3].unsqueeze(0)).sum(1)
        away = -(normal.unsqueeze(1) * other).sum(0)
        a, b = _patch(one, reach), _patch(other, away)
        share = b[1] / (a[1] + b[1])
        at = share * a[0] + (1.0 - share) * b[0]
        back = gap.transpose(-1, -2)
        apart = 1.0 - torch.eye(n, dtype=gap.dtype, device=gap.device)
        mask = apart * present.reshape(-1, n, 1) * present.reshape(-1, 1, n)
        there = torch.sigmoid((gap - back).detach() / ALIKE_M) * mask
        there = there * (torch.maximum(gap, back) < SKIN_M).to(gap)
        return at, normal, (SKIN_M - gap).relu().unsqueeze(0), there.unsqueeze(0)


def _separating(local: Tensor, walls: Tensor) -> Tensor:
    """Of planes (4, M, G, 1, n) that which points (3, P, G, n, n) pass least. (4, G, n, n)."""
    fixed, at = walls.detach().unsqueeze(2), local.detach().unsqueeze(1)
    gap = fixed[0] * at[0] + fixed[1] * at[1] + fixed[2] * at[2] - fixed[3]  # (M, P, G, n, n)
    best = gap.amin(1).argmax(0, keepdim=True)  # (1, G, n, n)
    walls = walls.detach().expand(4, walls.shape[1], *best.shape[1:])
    return walls.gather(1, best.expand(4, *best.shape).reshape(4, 1, *best.shape[1:])).squeeze(1)


def _patch(points: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Middle (3, G, n, n) and squared size of the points that reach lowest (P, G, n, n)."""
    weight = (reach.amin(0, keepdim=True) + PATCH_M - reach).relu()
    weight = weight / weight.sum(0, keepdim=True)
    middle = (points * weight).sum(1)
    spread = ((points - middle.unsqueeze(1)).square().sum(0) * weight).sum(0)
    return middle, spread + PATCH_M**2


def _rows(value: Tensor, n: int) -> Tensor:
    return value.reshape(len(value), -1, n, 1)


def _columns(value: Tensor, n: int) -> Tensor:
    return value.reshape(len(value), -1, 1, n)
