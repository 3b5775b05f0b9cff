"""One rigid-body step with compliant, frictional contact: implicit, batched, differentiable.

Every point of a body's surface is a spring, a damper and a Coulomb slider against the plane, and
the twist at the end of the substep makes all of them consistent at once:

    (M + sum_i J_i^T D_i J_i) V+ = M V_free + sum_i J_i^T p_i

D_i holds the spring-damper h (h k + d) of active contacts along the normal, and across it the
secant of regularised Coulomb friction, mu p_i / slip_i, at a predicted impulse (lagged friction:
Castro, Permenter and Han, An unconstrained convex formulation of compliant contact, T-RO 2022;
contacts as implicit spring-dampers: Todorov, Convex and analytically-invertible dynamics with
contacts and constraints, ICRA 2014). The system is 6x6 per body however many points touch, and is
solved in closed form: no branch, static shapes. Contacts with fingers enter the same system
(external_contact.py), which is then solved a few times, since the impulses at the finger and at
the edge about which a body tips depend on each other.

The step computes in the body frame, where points, moments and inertia are constants and only the
plane's normal changes; the result is invariant to rotations of the world about the vertical.
"""

from __future__ import annotations

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
from world_model_node.model.contact.contact_config import ExternalContactConfig
from world_model_node.model.contact.contact_maps import ContactMaps
from world_model_node.model.contact.external_contact import ExternalContactModel, ExternalContacts
from world_model_node.model.physics.plane_contacts import PlaneContactModel, PlaneContacts


class ContactStep(nn.Module):
    """Moves N bodies on a horizontal plane by one substep."""

    def __init__(
        self,
        substep_s: float,
        external: ExternalContactConfig,
        gravity_mps2: float = GRAVITY_MPS2,
    ) -> None:
        super().__init__()
        self.h = substep_s
        self.rotations, self.maps, self.solver = QuaternionMaps(), ContactMaps(), SchurSolver()
        self.external_model = ExternalContactModel(substep_s, self.maps, external)
        self.num_refinements = external.num_refinements
        self.plane_model = PlaneContactModel(substep_s, gravity_mps2, self.maps)
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
        """The motion one substep later; `external` are contacts besides the plane's."""
        h = self.h
        R = self.rotations.matrix(motion.rotation)  # (9, N)
        n = R[6:]  # (3, N) up, in the body frame
        v = self.rotations.to_body(R, motion.velocity + self.fall)
        momentum = self.maps.inertia_times(bodies.inertia, motion.spin)
        momentum = momentum + h * self.maps.gyroscopic_torque(momentum, motion.spin)
        free = torch.cat([bodies.mass_entries, bodies.mass * v, momentum])  # (27, N)
        before = torch.cat([v, motion.spin])
        contacts = self.plane_model.contacts(before, n, motion, bodies)
        after = self.solver(free + self.plane_model.system(contacts, n, bodies))
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
        """The twist (6, N) with external contacts, from the twist without.

        Every solution gives the separating contacts and the impulses and slips of the others, so
        that a pushed body turns aside, slips past the finger or tips rather than stick to the
        finger or the plane.
        """
        n = R[6:]
        terms = self.external_model(external, R, twist, bodies)
        # a pushed body slips on the plane as fast as the finger moves
        speed = (length(terms.velocity) * terms.gain.sign()).amax(1, keepdim=True)
        refined = contacts._replace(slip=torch.maximum(contacts.slip, speed))
        for iteration in range(self.num_refinements):
            if iteration:
                terms = self.external_model.refine(terms, twist)
                refined = self.plane_model.refine(contacts, twist, n, motion, bodies)
            system = free + self.plane_model.system(refined, n, bodies)
            twist = self.solver(system + self.external_model.system(terms, bodies))
        return twist

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
