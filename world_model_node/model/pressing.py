"""What goes its own way and presses on a body, as part of the system that moves the body.

As the points of `ContactStep`: a spring-damper along the normal, which lets nothing through, and
the secant of Coulomb friction across it. The body is not alone with what presses: the table bears
and brakes it at the same time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.bilinear import pairs
from world_model_node.model.contact_tables import ContactTables
from world_model_node.model.state import Bodies
from world_model_node.model.vectors import cross, dot, length, to_body

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
    """The contacts in a substep, in the body frame."""

    point: Tensor  # (3, C, N) m
    normal: Tensor  # (3, C, N)
    velocity: Tensor  # (3, C, N) m/s
    gain: Tensor  # (1, C, N) kg, zero where there is none
    target: Tensor  # (1, C, N) N s
    press: Tensor  # (1, C, N) N s that friction reckons with, zero where the body leaves it


class Pressing(nn.Module):
    """Contacts with what moves by itself, as terms of the system of a substep."""

    def __init__(self, substep_s: float, tables: ContactTables) -> None:
        super().__init__()
        self.h, self.tables = substep_s, tables

    def forward(self, touch: Touching, R: Tensor, twist: Tensor, bodies: Bodies) -> Pressed:
        """What presses on the bodies.

        Args:
            touch: the contacts as the substep begins.
            R: (9, N) of the bodies.
            twist: (6, N) that they would have without what presses, body frame.
            bodies: their parameters.
        """
        b, n, velocity = (to_body(R, v) for v in (touch.arm, touch.normal, touch.velocity))
        approach = dot(_speed(twist, b) - velocity, n)  # (1, C, N)
        mass, gyration = bodies.mass.unsqueeze(1), bodies.gyration.unsqueeze(1)
        depth = touch.depth.clamp(max=DEEPEST_M)
        reached = (depth + self.h * approach).relu().sign() * touch.free
        spring = self.h * STIFFNESS * mass
        gain = (self.h * spring + self.h * DAMPING * mass) * reached
        target = spring * depth * reached
        lever = cross(b, n)
        w = (1.0 + gyration * dot(lever, lever)) / mass
        press = (target + gain * approach) / (1.0 + w * gain.sum(1, keepdim=True))
        return Pressed(b, n, velocity, gain, target, press.relu())

    def settled(self, p: Pressed, twist: Tensor) -> Pressed:
        """As they press on bodies of a twist (6, N): those that it leaves do not."""
        approach = dot(_speed(twist, p.point) - p.velocity, p.normal)
        return p._replace(press=(p.target + p.gain * approach).relu())

    def slip(self, p: Pressed, twist: Tensor) -> Tensor:
        """How fast (1, C, N) bodies of a twist (6, N) slip along what presses on them."""
        gap = _speed(twist, p.point) - p.velocity
        return length(gap - dot(gap, p.normal) * p.normal)

    def system(self, p: Pressed, slip: Tensor, bodies: Bodies) -> Tensor:
        """What is added to the system (27, N) of bodies that slip so fast (1, C, N)."""
        drag = bodies.friction.unsqueeze(1) * p.press / (slip + SLIP_MPS)
        pressing = p.press.sign()
        gain, target = pressing * p.gain, pressing * p.target
        along = (gain - drag) * p.normal
        rows = [along[a] * p.normal[c] + (drag[0] if a == c else 0.0) for a, c in pairs(3)]
        force = drag * p.velocity + (dot(along, p.velocity) - target) * p.normal
        point = torch.cat([torch.ones_like(drag), p.point])
        C, N = drag.shape[1:]
        moments = self.tables.moments(point).reshape(-1, C * N)
        A = self.tables.stiffness(torch.stack(rows).reshape(-1, C * N), moments)
        f = self.tables.wrench(point.reshape(4, C * N), force.reshape(3, C * N))
        return torch.cat([A, f]).reshape(-1, C, N).sum(1)


def _speed(twist: Tensor, point: Tensor) -> Tensor:
    """Of points (3, C, N) of bodies that move so (6, N), both in the body frame."""
    v, spin = (part.unsqueeze(1) for part in twist.split(3))
    return v + cross(spin.expand_as(point), point)
