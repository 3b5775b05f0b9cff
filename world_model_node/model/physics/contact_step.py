"""One rigid-body step with compliant, frictional contact: implicit, batched, differentiable.

Every point of a body's surface is a spring, a damper and a Coulomb slider against what it touches,
and the twist at the end of the substep makes all of them consistent at once:

    (M + sum_i J_i^T D_i J_i) V+ = M V_free + sum_i J_i^T p_i

D_i holds the spring-damper h (h k + d) of active contacts along the normal, and across it the
secant of regularised Coulomb friction, mu p_i / slip_i, at a predicted impulse (lagged friction:
Castro, Permenter and Han, An unconstrained convex formulation of compliant contact, T-RO 2022;
contacts as implicit spring-dampers: Todorov, Convex and analytically-invertible dynamics with
contacts and constraints, ICRA 2014). The system is 6x6 per body however many points touch, and is
solved in closed form: no branch, static shapes. What presses from elsewhere, as fingers do, enters
the same system (pressing.py), which is then solved a few times: what a body does to the finger and
to the edge about which it tips depends on each other.

All of it happens in the body frame, where points, their moments and the inertia are constants and
only the plane's normal turns; turning the world about the vertical changes nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.constants import GRAVITY_MPS2
from world_model_node.model.algebra.bilinear import upper_triangle
from world_model_node.model.algebra.quaternions import QuaternionMaps
from world_model_node.model.algebra.schur_solver import SchurSolver
from world_model_node.model.algebra.vectors import length
from world_model_node.model.contact.body_state import (
    BodyBatch,
    BodyParameters,
    BodyState,
    ContactLaw,
    MotionState,
)
from world_model_node.model.contact.contact_maps import ContactMaps
from world_model_node.model.contact.external_contact import ExternalContactModel, ExternalContacts

TINY = 1e-12
NUM_REFINEMENTS = 4  # solutions with what pushes, each by the impulses and slips of the last


class PlaneContacts(NamedTuple):
    """The contacts of every point with the plane."""

    gain: Tensor  # (1, P, N) kg, zero where there is none
    target: Tensor  # (1, P, N) N s
    normal_impulse: Tensor  # (1, P, N) N s that friction reckons with
    slip: Tensor  # (1, P, N) m/s
    total_impulse: Tensor  # (1, N) N s of all


class ContactStep(nn.Module):
    """Moves N bodies that touch a level plane by one substep."""

    def __init__(
        self,
        substep_s: float,
        gravity_mps2: float = GRAVITY_MPS2,
    ) -> None:
        super().__init__()
        self.h = substep_s
        self.min_bounce_mps = 2.0 * gravity_mps2 * substep_s  # less is what weight does in a step
        self.rotations, self.maps, self.solver = QuaternionMaps(), ContactMaps(), SchurSolver()
        self.external_model = ExternalContactModel(substep_s, self.maps)
        fall = torch.tensor([[0.0], [0.0], [-gravity_mps2 * substep_s]])
        self.register_buffer('fall', fall, persistent=False)
        half_up = torch.tensor([[0.0], [0.0], [0.5]])
        self.register_buffer('half_up', half_up, persistent=False)

    def from_body_state(self, state: BodyState) -> MotionState:
        """Bodies to the last axis."""
        q = state.rotation.T
        spin = self.rotations.to_body(self.rotations.matrix(q), state.angular_velocity.T)
        support_impulse = torch.zeros_like(state.position.T[:1]) - self.fall[2]
        return MotionState(state.position.T, q, state.velocity.T, spin, support_impulse)

    def to_body_state(self, motion: MotionState) -> BodyState:
        """Bodies back to the first axis."""
        omega = self.rotations.to_world(self.rotations.matrix(motion.rotation), motion.spin)
        return BodyState(motion.position.T, motion.rotation.T, motion.velocity.T, omega.T)

    def prepare(
        self,
        body: BodyParameters,
        law: ContactLaw,
        height_m: Tensor,
    ) -> BodyBatch:
        """The batch that a rollout computes once, from the plane's height `height_m` (N, 1)."""
        mass = body.mass.T
        inertia = torch.stack([body.inertia[:, a, b] for a, b in upper_triangle(3)])
        mean = (inertia[0] + inertia[3] + inertia[5]).unsqueeze(0) / 3.0
        points = body.points.permute(2, 1, 0)
        points = torch.cat([torch.ones_like(points[:1]), points])
        moments = self.maps.moments(points)

        def row(value: Tensor) -> Tensor:
            return (value * torch.ones_like(body.mass)).T

        return BodyBatch(
            mass, inertia, self._mass_matrix_entries(mass, inertia), mass / mean,
            body.friction.T, body.restitution.T, points, moments,
            row(law.stiffness) * mass, row(law.damping) * mass, row(law.slip_mps),
            height_m.T + row(law.rounding_m),
            mass[:0],
        )  # fmt: skip

    @staticmethod
    def _mass_matrix_entries(mass: Tensor, inertia: Tensor) -> Tensor:
        zero = torch.zeros_like(mass)
        stored = {pair: k for k, pair in enumerate(upper_triangle(3))}
        rows = []
        for a, b in upper_triangle(6):
            if b < 3:
                rows.append(mass if a == b else zero)
            else:
                rows.append(zero if a < 3 else inertia[stored[a - 3, b - 3]].unsqueeze(0))
        return torch.cat(rows)

    def forward(
        self, motion: MotionState, bodies: BodyBatch, external: ExternalContacts | None = None
    ) -> MotionState:
        """The motion one substep later; `touch` is with what else it may be in contact."""
        h = self.h
        R = self.rotations.matrix(motion.rotation)  # (9, N)
        n = R[6:]  # (3, N) up, in the body frame
        v = self.rotations.to_body(R, motion.velocity + self.fall)
        momentum = self.maps.inertia_times(bodies.inertia, motion.spin)
        momentum = momentum + h * self.maps.gyroscopic_torque(momentum, motion.spin)
        free = torch.cat([bodies.mass_entries, bodies.mass * v, momentum])  # (27, N)
        before = torch.cat([v, motion.spin])
        contacts = self._plane_contacts(before, n, motion, bodies)
        after = self.solver(free + self._plane_system(contacts, n, bodies))
        if external is not None:
            after = self._solve_with_external(external, motion, R, free, contacts, after, bodies)
        in_contact = contacts.total_impulse.sign()
        support_impulse = (n * (after[:3] - v)).sum(0, keepdim=True).relu()
        return self._integrate(motion, R, after, in_contact, support_impulse)

    def _solve_with_external(
        self,
        external: ExternalContacts,
        motion: MotionState,
        R: Tensor,
        free: Tensor,
        contacts: PlaneContacts,
        twist: Tensor,
        bodies: BodyBatch,
    ) -> Tensor:
        """The twist (6, N) with what pushes, from the one without.

        Every solution tells which contacts would pull, how hard the others press and how fast they
        slip: what is pushed turns aside, slips past the finger or tips, rather than stick to the
        finger or to the plane and be carried too far.
        """
        n = R[6:]
        terms = self.external_model(external, R, twist, bodies)
        # what is pushed goes on slipping, as fast as what pushes it
        speed = (length(terms.velocity) * terms.gain.sign()).amax(1, keepdim=True)
        refined = contacts._replace(slip=torch.maximum(contacts.slip, speed))
        for iteration in range(NUM_REFINEMENTS):
            if iteration:
                terms = self.external_model.refine(terms, twist)
                refined = self._refine_plane_contacts(contacts, twist, n, motion, bodies)
            system = free + self._plane_system(refined, n, bodies)
            twist = self.solver(system + self.external_model.system(terms, bodies))
        return twist

    def _refine_plane_contacts(
        self,
        contacts: PlaneContacts,
        twist: Tensor,
        n: Tensor,
        motion: MotionState,
        bodies: BodyBatch,
    ) -> PlaneContacts:
        """The contacts with the plane as bodies of a twist (6, N) bear on them."""
        _, u_n, slip = self._point_kinematics(twist, n, motion.position[2:], bodies)
        push = (contacts.target - contacts.gain * u_n).relu()
        active = push.sign()
        return contacts._replace(
            gain=active * contacts.gain,
            target=active * contacts.target,
            normal_impulse=push,
            slip=slip,
        )

    def _plane_contacts(
        self, twist: Tensor, n: Tensor, motion: MotionState, bodies: BodyBatch
    ) -> PlaneContacts:
        """What the plane would do to bodies of this twist (6, N)."""
        depth, u_n, slip = self._point_kinematics(
            twist, n, motion.position[2:], bodies
        )  # (1, P, N) each
        gain, target = self._spring_damper(depth, u_n, bodies)
        reached = (depth - self.h * u_n).relu().sign()
        push = (target - gain * u_n).relu() * reached  # impulse of each contact alone
        active = push.sign()
        normal_impulse, total_impulse = self._distribute_load(
            push, gain, n, motion.support_impulse, bodies
        )
        # by then friction may have stopped it
        slip = (slip - bodies.friction * total_impulse / bodies.mass).clamp(min=0.0)
        return PlaneContacts(gain * active, target * active, normal_impulse, slip, total_impulse)

    def _plane_system(self, contacts: PlaneContacts, n: Tensor, bodies: BodyBatch) -> Tensor:
        """What the plane adds to the system (27, N)."""
        drag = bodies.friction * contacts.normal_impulse / (contacts.slip + bodies.slip_mps)
        weights = torch.cat([drag, contacts.gain - drag, contacts.target])  # (3, P, N)
        moments = (weights.unsqueeze(1) * bodies.moments).sum(2)  # (3, 10, N)
        drag, normal, target = moments.split(1)
        stacked = torch.cat([normal[0], target[0, :4]])
        normals = torch.cat([self.maps.normal_outer_product(n, n), n])
        return self.maps.normal_system(normals, stacked) + self.maps.drag_system @ drag[0]

    def _spring_damper(
        self, depth: Tensor, u_n: Tensor, bodies: BodyBatch
    ) -> tuple[Tensor, Tensor]:
        """Gain [kg] and target [N s] of the impulse `target - gain u` of every point (1, P, N).

        A spring that pushes back with e^2 of its force returns the share e of the speed where the
        substeps resolve an impact (Walton and Braun, 1986); where they do not, the spring aims at
        that speed at once.
        """
        h, e = self.h, bodies.restitution
        loading = (-u_n).relu().sign()
        share = e * e
        spring = h * bodies.stiffness * (share + (1.0 - share) * loading)
        bounce = e * (-u_n - self.min_bounce_mps).relu()
        return h * (spring + bodies.damping) + TINY, spring * torch.maximum(depth, h * bounce)

    def _point_kinematics(
        self, twist: Tensor, n: Tensor, z: Tensor, bodies: BodyBatch
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Depth [m], normal speed and slip [m/s] of every point. Shape (1, P, N) each."""
        rows = torch.cat(
            [
                bodies.ground - z,
                -n,
                self.maps.normal_speed(n, twist),
                self.maps.point_velocities @ twist,
            ]
        ).reshape(5, 4, 1, -1)
        values = (rows * bodies.points).sum(1)  # (5, P, N)
        depth, u_n, u = values.split([1, 1, 3])
        square = (u * u).sum(0, keepdim=True) - u_n * u_n
        return depth, u_n, square.relu().add(TINY).sqrt()

    def _distribute_load(
        self, push: Tensor, gain: Tensor, n: Tensor, support_impulse: Tensor, bodies: BodyBatch
    ) -> tuple[Tensor, Tensor]:
        """Impulses (1, P, N) that friction reckons with, and their sum (1, N).

        As if all acted at their common centre, which is right for an impact; what lies there or
        slides shifts its weight among the points until it bears as much as in the last substep.
        """
        first = (push * bodies.points).sum(1)  # (4, N)
        total, moment = first.split([1, 3])
        arm = moment / (total + TINY)
        off = (arm * n).sum(0, keepdim=True)
        lever = (arm * arm).sum(0, keepdim=True) - off * off
        w = (1.0 + bodies.mass_over_inertia * lever) / bodies.mass
        stiff = total * total / ((push * push / gain).sum(1) + TINY)
        struck = 1.0 / (1.0 + w * stiff)
        lying = (bodies.mass * support_impulse / (total + TINY)).clamp(max=1.0)
        scale = torch.maximum(struck, lying)
        return scale * push, scale * total

    def _integrate(
        self,
        motion: MotionState,
        R: Tensor,
        twist: Tensor,
        in_contact: Tensor,
        support_impulse: Tensor,
    ) -> MotionState:
        v, spin = twist.split(3)
        velocity = self.rotations.to_world(R, v)
        # the mean velocity is exact in free flight and, along the plane, under constant friction
        lag = (0.5 - self.half_up * in_contact) * (motion.velocity - velocity)
        return MotionState(
            motion.position + self.h * (velocity + lag),
            self.rotations.rotate(motion.rotation, 0.5 * self.h * spin),
            velocity,
            spin,
            support_impulse,
        )
