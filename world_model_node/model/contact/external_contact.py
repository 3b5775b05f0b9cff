"""What goes its own way and presses on a body, as part of the system that moves the body.

As the points of `ContactStep`: a spring-damper along the normal, which lets nothing through, and
the secant of Coulomb friction across it. The body is not alone with what presses: the table bears
and brakes it at the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.algebra.bilinear import upper_triangle
from world_model_node.model.algebra.vectors import TINY, cross, dot, to_body
from world_model_node.model.contact.body_state import BodyBatch
from world_model_node.model.contact.contact_maps import ContactMaps

STIFFNESS, DAMPING = 4000.0, 400.0  # [1/s^2], [1/s] per kilogram of the body
MAX_DEPTH_M = 0.01  # that pushes back: what is deeper is badly known shape
SLIP_MPS = 5e-3  # slower, friction is viscous


class ExternalContacts(NamedTuple):
    """Where something that goes its own way may touch each body in C places, world axes."""

    arm: Tensor  # (3, C, N) m from the body's centre of mass
    normal: Tensor  # (3, C, N) out of the body
    depth: Tensor  # (1, C, N) m; negative before they meet
    velocity: Tensor  # (3, C, N) of what touches [m/s]
    free: Tensor  # (1, 1, N) in [0, 1]: how far it is not held, which is a matter of its own


class ContactTerms(NamedTuple):
    """The contacts in a substep, in the body frame, and what each adds to the system (27, N)."""

    point: Tensor  # (3, C, N) m
    velocity: Tensor  # (3, C, N) m/s
    row: Tensor  # (6, C, N) of the Jacobian along the normal
    normal_speed: Tensor  # (1, C, N) of `velocity` along it [m/s]
    gain: Tensor  # (1, C, N) kg, zero where there is none
    target: Tensor  # (1, C, N) N s
    # (1, C, N) N s that friction reckons with, zero where the body leaves it
    normal_impulse: Tensor
    slip: Tensor  # (1, C, N) m/s
    normal_terms: Tensor  # (27, C, N) along the normal, while it presses
    friction_terms: Tensor  # (27, C, N) across it, per kilogram of drag


class ExternalContactModel(nn.Module):
    """Contacts with what moves by itself, as terms of the system of a substep."""

    def __init__(self, substep_s: float, maps: ContactMaps) -> None:
        super().__init__()
        self.h, self.maps = substep_s, maps
        left, right = torch.tensor(upper_triangle(6)).T
        self.register_buffer('left', left.contiguous(), persistent=False)
        self.register_buffer('right', right.contiguous(), persistent=False)

    def forward(
        self, contacts: ExternalContacts, R: Tensor, twist: Tensor, bodies: BodyBatch
    ) -> ContactTerms:
        """What presses on the bodies.

        Args:
            contacts: the contacts as the substep begins.
            R: (9, N) of the bodies.
            twist: (6, N) that they would have without what presses, body frame.
            bodies: their parameters.
        """
        b, n, velocity = (
            to_body(R, v) for v in (contacts.arm, contacts.normal, contacts.velocity)
        )
        lever = cross(b, n)
        row, normal_speed = torch.cat([n, lever]), dot(velocity, n)
        approach, slip = _approach_and_slip(b, row, velocity, normal_speed, twist)
        mass, mass_over_inertia = bodies.mass.unsqueeze(1), bodies.mass_over_inertia.unsqueeze(1)
        depth = contacts.depth.clamp(max=MAX_DEPTH_M)
        reached = (depth + self.h * approach).relu().sign() * contacts.free
        spring = self.h * STIFFNESS * mass
        gain = (self.h * spring + self.h * DAMPING * mass) * reached
        target = spring * depth * reached
        w = (1.0 + mass_over_inertia * dot(lever, lever)) / mass
        normal_impulse = (target + gain * approach) / (1.0 + w * gain.sum(1, keepdim=True))
        square = row.index_select(0, self.left) * row.index_select(0, self.right)
        normal_terms = torch.cat([gain * square, (gain * normal_speed - target) * row])
        tangential_velocity = velocity - normal_speed * n
        isotropic = self.maps.isotropic_stiffness(torch.cat([torch.ones_like(normal_speed), b]))
        friction_terms = torch.cat(
            [isotropic - square, tangential_velocity, cross(b, tangential_velocity)]
        )
        return ContactTerms(
            b,
            velocity,
            row,
            normal_speed,
            gain,
            target,
            normal_impulse.relu(),
            slip,
            normal_terms,
            friction_terms,
        )

    def refine(self, p: ContactTerms, twist: Tensor) -> ContactTerms:
        """As they press on bodies of a twist (6, N): those that it leaves do not."""
        approach, slip = _approach_and_slip(p.point, p.row, p.velocity, p.normal_speed, twist)
        return p._replace(normal_impulse=(p.target + p.gain * approach).relu(), slip=slip)

    def system(self, p: ContactTerms, bodies: BodyBatch) -> Tensor:
        """What is added to the system (27, N)."""
        drag = bodies.friction.unsqueeze(1) * p.normal_impulse / (p.slip + SLIP_MPS)
        return (p.normal_impulse.sign() * p.normal_terms + drag * p.friction_terms).sum(1)


def _approach_and_slip(
    point: Tensor, row: Tensor, velocity: Tensor, normal_speed: Tensor, twist: Tensor
) -> tuple[Tensor, Tensor]:
    """How fast (1, C, N) contacts of bodies of a twist (6, N) are approached, and slip past."""
    approach = (row * twist.unsqueeze(1)).sum(0, keepdim=True) - normal_speed
    v, spin = (part.unsqueeze(1) for part in twist.split(3))
    gap = v + cross(spin.expand_as(point), point) - velocity
    return approach, (dot(gap, gap) - approach * approach).relu().add(TINY**2).sqrt()
