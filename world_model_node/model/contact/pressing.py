"""What goes its own way and presses on a body, as part of the system that moves the body.

As the points of `ContactStep`: a spring-damper along the normal, which lets nothing through, and
the secant of Coulomb friction across it. The body is not alone with what presses: the table bears
and brakes it at the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.algebra.bilinear import pairs
from world_model_node.model.algebra.vectors import TINY, cross, dot, to_body
from world_model_node.model.contact.contact_tables import ContactTables
from world_model_node.model.physics.state import Bodies

STIFFNESS, DAMPING = 4000.0, 400.0  # [1/s^2], [1/s] per kilogram of the body
DEEPEST_M = 0.01  # that pushes back: what is deeper is badly known shape
SLIP_MPS = 5e-3  # slower, friction is viscous


class Touching(NamedTuple):
    """Where something that goes its own way may touch each body in C places, world axes."""

    arm: Tensor  # (3, C, N) m from the body's centre of mass
    normal: Tensor  # (3, C, N) out of the body
    depth: Tensor  # (1, C, N) m; negative before they meet
    velocity: Tensor  # (3, C, N) of what touches [m/s]
    free: Tensor  # (1, 1, N) in [0, 1]: how far it is not held, which is a matter of its own


class Pressed(NamedTuple):
    """The contacts in a substep, in the body frame, and what each adds to the system (27, N)."""

    point: Tensor  # (3, C, N) m
    velocity: Tensor  # (3, C, N) m/s
    row: Tensor  # (6, C, N) of the Jacobian along the normal
    drift: Tensor  # (1, C, N) of `velocity` along it [m/s]
    gain: Tensor  # (1, C, N) kg, zero where there is none
    target: Tensor  # (1, C, N) N s
    press: Tensor  # (1, C, N) N s that friction reckons with, zero where the body leaves it
    slip: Tensor  # (1, C, N) m/s
    along: Tensor  # (27, C, N) along the normal, while it presses
    across: Tensor  # (27, C, N) across it, per kilogram of drag


class Pressing(nn.Module):
    """Contacts with what moves by itself, as terms of the system of a substep."""

    def __init__(self, substep_s: float, tables: ContactTables) -> None:
        super().__init__()
        self.h, self.tables = substep_s, tables
        left, right = torch.tensor(pairs(6)).T
        self.register_buffer('left', left.contiguous(), persistent=False)
        self.register_buffer('right', right.contiguous(), persistent=False)

    def forward(self, touch: Touching, R: Tensor, twist: Tensor, bodies: Bodies) -> Pressed:
        """What presses on the bodies.

        Args:
            touch: the contacts as the substep begins.
            R: (9, N) of the bodies.
            twist: (6, N) that they would have without what presses, body frame.
            bodies: their parameters.
        """
        b, n, velocity = (to_body(R, v) for v in (touch.arm, touch.normal, touch.velocity))
        lever = cross(b, n)
        row, drift = torch.cat([n, lever]), dot(velocity, n)
        approach, slip = _motion(b, row, velocity, drift, twist)
        mass, gyration = bodies.mass.unsqueeze(1), bodies.gyration.unsqueeze(1)
        depth = touch.depth.clamp(max=DEEPEST_M)
        reached = (depth + self.h * approach).relu().sign() * touch.free
        spring = self.h * STIFFNESS * mass
        gain = (self.h * spring + self.h * DAMPING * mass) * reached
        target = spring * depth * reached
        w = (1.0 + gyration * dot(lever, lever)) / mass
        press = (target + gain * approach) / (1.0 + w * gain.sum(1, keepdim=True))
        square = row.index_select(0, self.left) * row.index_select(0, self.right)
        along = torch.cat([gain * square, (gain * drift - target) * row])
        aside = velocity - drift * n
        every = self.tables.every_way(torch.cat([torch.ones_like(drift), b]))
        across = torch.cat([every - square, aside, cross(b, aside)])
        return Pressed(b, velocity, row, drift, gain, target, press.relu(), slip, along, across)

    def settled(self, p: Pressed, twist: Tensor) -> Pressed:
        """As they press on bodies of a twist (6, N): those that it leaves do not."""
        approach, slip = _motion(p.point, p.row, p.velocity, p.drift, twist)
        return p._replace(press=(p.target + p.gain * approach).relu(), slip=slip)

    def system(self, p: Pressed, bodies: Bodies) -> Tensor:
        """What is added to the system (27, N)."""
        drag = bodies.friction.unsqueeze(1) * p.press / (p.slip + SLIP_MPS)
        return (p.press.sign() * p.along + drag * p.across).sum(1)


def _motion(
    point: Tensor, row: Tensor, velocity: Tensor, drift: Tensor, twist: Tensor
) -> tuple[Tensor, Tensor]:
    """How fast (1, C, N) contacts of bodies of a twist (6, N) are approached, and slip past."""
    approach = (row * twist.unsqueeze(1)).sum(0, keepdim=True) - drift
    v, spin = (part.unsqueeze(1) for part in twist.split(3))
    gap = v + cross(spin.expand_as(point), point) - velocity
    return approach, (dot(gap, gap) - approach * approach).relu().add(TINY**2).sqrt()
