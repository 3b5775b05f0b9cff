"""Contacts between bodies: one per pair, along the best separating axis.

Among the enclosing planes of both bodies, the plane of least penetration at the beginning of the
substep gives normal and depth (separating axes). The contact point lies between the contact
patches of the two bodies.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.algebra.vectors import TINY, cross, dot, length, to_world
from world_model_node.model.contact.body_state import BodyBatch, MotionState
from world_model_node.model.contact.contact_config import ObjectContactConfig
from world_model_node.model.contact.separating_planes import (
    best_planes,
    contact_points,
    pair_columns,
    pair_rows,
    plane_distances,
)


class ContactImpulse(NamedTuple):
    """Changes of motion and pose by the contacts of one substep."""

    velocity: Tensor  # (3, N)
    spin: Tensor  # (3, N) world frame
    displacement: Tensor  # (3, N) m
    rotation: Tensor  # (3, N) rotation vector, world frame


class ObjectContact(nn.Module):
    """Impulses between the n bodies of every group; bodies along the last axis, n fastest."""

    def __init__(self, substep_s: float, config: ObjectContactConfig) -> None:
        super().__init__()
        self.h, self.config = substep_s, config

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
        """The effect of all contacts of one substep.

        Args:
            before: Positions (3, G * n) and rotations (9, G * n) as the substep begins.
            motion: Motion of G * n bodies.
            spin: Spin in the world frame. Shape (3, G * n).
            R: Rotations. Shape (9, G * n).
            bodies: Parameters of the bodies.
            planes: Enclosing planes about the centre of mass. Shape (4, M, G * n).
            present: One for a body, zero for padding. Shape (1, G * n).
            n: Number of bodies of a group.
        """
        c = self.config
        at, normal, depth, touching = self._contacts(before, motion, R, bodies, planes, present, n)
        one, other = pair_rows(motion.position, n), pair_columns(motion.position, n)
        r1, r2 = at - one, at - other
        w1, w2 = pair_rows(spin, n), pair_columns(spin, n)
        v1, v2 = pair_rows(motion.velocity, n), pair_columns(motion.velocity, n)
        u = v1 + cross(w1, r1) - v2 - cross(w2, r2)
        approach = -dot(u, normal)
        m1, m2 = pair_rows(bodies.mass, n), pair_columns(bodies.mass, n)
        g1, g2 = pair_rows(bodies.mass_over_inertia, n), pair_columns(bodies.mass_over_inertia, n)
        lever1, lever2 = cross(r1, normal), cross(r2, normal)
        normal_compliance = (1.0 + g1 * dot(lever1, lever1)) / m1 + (
            1.0 + g2 * dot(lever2, lever2)
        ) / m2
        restitution_factor = 1.0 + pair_rows(bodies.restitution, n) * pair_columns(
            bodies.restitution, n
        )
        push = restitution_factor * approach.relu() * touching / normal_compliance  # N s
        friction = pair_rows(bodies.friction, n) * pair_columns(bodies.friction, n)
        sliding = u + approach * normal
        speed = length(sliding)
        tangential_compliance = (1.0 + g1 * dot(r1, r1)) / m1 + (1.0 + g2 * dot(r2, r2)) / m2
        drag = torch.minimum(friction * push, speed * touching / tangential_compliance)
        impulse = push * normal - drag * sliding / (speed + TINY)
        since = time_since_contact(depth, approach, self.h)
        remaining_depth = (depth - since * approach.relu()).relu()
        correction = (
            (c.penetration_recovery * remaining_depth).clamp(max=c.max_recovery_mps * self.h)
            * touching
            * m2
            / (m1 + m2)
        )
        both = impulse - impulse.transpose(-1, -2)  # every action has its reaction
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

    def _contacts(
        self,
        before: tuple[Tensor, Tensor],
        motion: MotionState,
        R: Tensor,
        bodies: BodyBatch,
        planes: Tensor,
        present: Tensor,
        n: int,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Point, normal out of the other body, depth and closedness of pairs (., G, n, n)."""
        c = self.config
        arms = to_world(R, bodies.points[1:])  # (3, P, G n)
        best = best_planes(before, bodies, planes, n)
        reach, normal = plane_distances(arms, R, planes.detach(), motion.position, best, n)
        gap = reach.amin(-1)  # (G, n, n)
        at = contact_points(arms, motion.position, reach, normal, n, c.patch_depth_m)
        back = gap.transpose(-1, -2)
        index = torch.arange(n, device=gap.device)
        apart = (index.unsqueeze(1) != index).to(gap)
        mask = apart * present.reshape(-1, n, 1) * present.reshape(-1, 1, n)
        touching = torch.sigmoid((gap - back).detach() / c.tie_width_m) * mask
        touching = touching * (torch.maximum(gap, back) < c.margin_m).to(gap)
        return at, normal, (c.margin_m - gap).relu().unsqueeze(0), touching.unsqueeze(0)


def time_since_contact(depth: Tensor, approach: Tensor, h: float) -> Tensor:
    """Time since bodies of this overlap met, at most the substep `h` [s]."""
    return (depth / (approach.relu() + TINY)).clamp(max=h).detach()
