"""Contacts of a body with prescribed motion (fingers), as terms of the system of the body.

Like the points of `ContactStep`, each contact is a spring-damper along the normal and the secant
of Coulomb friction across the normal. The contacts enter the system of the substep together with
the contacts of the table, which supports and brakes the body at the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.algebra.bilinear import upper_triangle
from world_model_node.model.algebra.vectors import TINY, cross, dot, to_body
from world_model_node.model.contact.body_state import BodyBatch
from world_model_node.model.contact.contact_config import ExternalContactConfig
from world_model_node.model.contact.contact_maps import ContactMaps


class ExternalContacts(NamedTuple):
    """C possible contacts of each body with prescribed motion, in world axes."""

    arm: Tensor  # (3, C, N) m from the body's centre of mass
    normal: Tensor  # (3, C, N) out of the body
    depth: Tensor  # (1, C, N) m; negative before they meet
    velocity: Tensor  # (3, C, N) of the other surface [m/s]
    free: Tensor  # (1, 1, N) in [0, 1]: probability that the body is not held between the pads


class ContactTerms(NamedTuple):
    """The contacts of a substep in the body frame, and their terms of the system (27, N)."""

    point: Tensor  # (3, C, N) m
    velocity: Tensor  # (3, C, N) m/s
    row: Tensor  # (6, C, N) of the Jacobian along the normal
    normal_speed: Tensor  # (1, C, N) component of `velocity` along the normal [m/s]
    gain: Tensor  # (1, C, N) kg, zero for an open contact
    target: Tensor  # (1, C, N) N s
    normal_impulse: Tensor  # (1, C, N) N s for the friction, zero for a separating contact
    slip: Tensor  # (1, C, N) m/s
    normal_terms: Tensor  # (27, C, N) along the normal, of a closed contact
    friction_terms: Tensor  # (27, C, N) across the normal, per kilogram of drag


class ExternalContactModel(nn.Module):
    """Contacts with prescribed motion, as terms of the system of a substep."""

    def __init__(self, substep_s: float, maps: ContactMaps, config: ExternalContactConfig) -> None:
        super().__init__()
        self.h, self.maps, self.config = substep_s, maps, config
        left, right = torch.tensor(upper_triangle(6)).T
        self.register_buffer('left', left.contiguous(), persistent=False)
        self.register_buffer('right', right.contiguous(), persistent=False)

    def forward(
        self, contacts: ExternalContacts, R: Tensor, twist: Tensor, bodies: BodyBatch
    ) -> ContactTerms:
        """The terms of all contacts as the substep begins.

        Args:
            contacts: The contacts as the substep begins.
            R: Rotations of the bodies. Shape (9, N).
            twist: Twist of the bodies without these contacts, body frame. Shape (6, N).
            bodies: Parameters of the bodies.
        """
        b, n, velocity = (
            to_body(R, v) for v in (contacts.arm, contacts.normal, contacts.velocity)
        )
        lever = cross(b, n)
        row, normal_speed = torch.cat([n, lever]), dot(velocity, n)
        approach, slip = _approach_and_slip(b, row, velocity, normal_speed, twist)
        mass, mass_over_inertia = bodies.mass.unsqueeze(1), bodies.mass_over_inertia.unsqueeze(1)
        depth = contacts.depth.clamp(max=self.config.max_depth_m)
        reached = (depth + self.h * approach).relu().sign() * contacts.free
        spring = self.h * self.config.stiffness_per_s2 * mass
        gain = (self.h * spring + self.h * self.config.damping_per_s * mass) * reached
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
        """The terms for bodies of a twist (6, N): separating contacts get no impulse."""
        approach, slip = _approach_and_slip(p.point, p.row, p.velocity, p.normal_speed, twist)
        return p._replace(normal_impulse=(p.target + p.gain * approach).relu(), slip=slip)

    def system(self, p: ContactTerms, bodies: BodyBatch) -> Tensor:
        """The sum of the terms of all contacts. Shape (27, N)."""
        drag = bodies.friction.unsqueeze(1) * p.normal_impulse / (p.slip + self.config.slip_mps)
        return (p.normal_impulse.sign() * p.normal_terms + drag * p.friction_terms).sum(1)


def _approach_and_slip(
    point: Tensor, row: Tensor, velocity: Tensor, normal_speed: Tensor, twist: Tensor
) -> tuple[Tensor, Tensor]:
    """Approach and slip speeds (1, C, N) of contacts for bodies of a twist (6, N)."""
    approach = (row * twist.unsqueeze(1)).sum(0, keepdim=True) - normal_speed
    v, spin = (part.unsqueeze(1) for part in twist.split(3))
    gap = v + cross(spin.expand_as(point), point) - velocity
    return approach, (dot(gap, gap) - approach * approach).relu().add(TINY**2).sqrt()
