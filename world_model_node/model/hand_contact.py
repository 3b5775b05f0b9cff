"""The fingers against bodies: one contact per body, gathered from points of the fingers.

A finger's points are tested against the planes that enclose a body; those inside, weighed by
their depth, make one contact. Its impulse stops the approach and slides by Coulomb's law; what is
left of the overlap is taken out of the position alone (split impulses: Catto, 2006).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.step import Bodies, Motion

TINY = 1e-9
FOLLOWING = torch.tensor([1, 2, 0])  # the axis after each
RECOVERY, FASTEST_RECOVERY_MPS = 0.5, 0.5
SKIN_M = 5e-4


class Touching(NamedTuple):
    """The contact of every body; zero where there is none."""

    at: Tensor  # (3, N) m
    normal: Tensor  # (3, N) out of the body
    depth: Tensor  # (1, N) m
    velocity: Tensor  # (3, N) of what touches [m/s]
    there: Tensor  # (1, N) in [0, 1]


class Impulse(NamedTuple):
    """What changes motion and place."""

    velocity: Tensor  # (3, N)
    spin: Tensor  # (3, N) world frame
    shift: Tensor  # (3, N) beyond what the velocity moves in one substep [m]


def deepest(local: Tensor, planes: Tensor) -> tuple[Tensor, Tensor]:
    """Signed distance (Q, ...) of points (3, Q, ...) to bodies, and the normal it is along.

    Which plane (of planes (4, M, ...)) is nearest passes no gradient, how far it is does.
    """
    fixed, at = planes.detach().unsqueeze(2), local.detach().unsqueeze(1)
    gap = fixed[0] * at[0] + fixed[1] * at[1] + fixed[2] * at[2] - fixed[3]  # (M, Q, ...)
    nearest = gap.argmax(0, keepdim=True).expand(4, *gap.shape[1:])
    plane = planes.detach().expand(4, planes.shape[1], *gap.shape[2:]).gather(1, nearest)
    return (plane[:3] * local).sum(0) - plane[3], plane[:3]


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


class HandContact(nn.Module):
    """Fingers that push."""

    def __init__(self, substep_s: float) -> None:
        super().__init__()
        self.h = substep_s

    def touching(
        self, motion: Motion, R: Tensor, planes: Tensor, points: Tensor, velocities: Tensor
    ) -> Touching:
        """Where fingers are in bodies.

        Args:
            motion: of N bodies.
            R: (9, N) their rotation.
            planes: (4, M, N) about the centre of mass.
            points: (3, Q, N) of the fingers.
            velocities: (3, Q, N) of them.
        """
        local = to_body(R, points - motion.position.unsqueeze(1))
        distance, nearest = deepest(local, planes)
        depth = (SKIN_M - distance).relu()  # (Q, N)
        total = depth.sum(0, keepdim=True)
        share = depth / (total + TINY)
        normal = (nearest * share).sum(1)
        normal = to_world(R, normal.unsqueeze(1))[:, 0]
        return Touching(
            (points * share).sum(1),
            normal / (length(normal) + TINY),
            depth.amax(0, keepdim=True),
            (velocities * share).sum(1),
            total / (total + 1e-6) * length(normal).clamp(max=1.0),
        )

    def forward(self, motion: Motion, spin: Tensor, bodies: Bodies, touch: Touching) -> Impulse:
        """What the contact does within one substep; `spin` (3, N) in the world frame."""
        r = touch.at - motion.position
        u = motion.velocity + cross(spin, r) - touch.velocity
        approach = dot(u, touch.normal)
        lever = cross(r, touch.normal)
        yielding = 1.0 + bodies.gyration * dot(lever, lever)
        push = approach.relu() * touch.there / yielding  # velocity of the centre of mass
        sliding = u - approach * touch.normal
        speed = length(sliding)
        drag = torch.minimum(
            bodies.friction * push, speed * touch.there / (1.0 + bodies.gyration * dot(r, r))
        )
        change = -push * touch.normal - drag * sliding / (speed + TINY)
        out = (RECOVERY * touch.depth).clamp(max=FASTEST_RECOVERY_MPS * self.h)
        return Impulse(
            change, bodies.gyration * cross(r, change), -out * touch.there * touch.normal
        )
