"""Contacts of bodies with a horizontal plane, as terms of the system of a substep."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from world_model_node.model.contact.body_state import BodyBatch, MotionState
from world_model_node.model.contact.contact_maps import ContactMaps

TINY = 1e-12


class PlaneContacts(NamedTuple):
    """The contacts of every surface point with the plane."""

    gain: Tensor  # (1, P, N) kg, zero for an open contact
    target: Tensor  # (1, P, N) N s
    normal_impulse: Tensor  # (1, P, N) N s for the friction
    slip: Tensor  # (1, P, N) m/s
    total_impulse: Tensor  # (1, N) N s, sum over the points


class PlaneContactModel:
    """The spring-dampers and frictional sliders between points and a plane.

    Args:
        substep_s: Length of a substep.
        gravity_mps2: Gravity, which sets the least approach speed of a bounce.
        maps: Maps between twists, points and the system.
    """

    def __init__(self, substep_s: float, gravity_mps2: float, maps: ContactMaps) -> None:
        self.h, self.maps = substep_s, maps
        # slower approach is the effect of weight within a substep
        self.min_bounce_mps = 2.0 * gravity_mps2 * substep_s

    def contacts(
        self, twist: Tensor, n: Tensor, motion: MotionState, bodies: BodyBatch
    ) -> PlaneContacts:
        """The contacts of bodies of a twist (6, N) before the plane acts."""
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
        # friction may stop the slip within the substep
        slip = (slip - bodies.friction * total_impulse / bodies.mass).clamp(min=0.0)
        return PlaneContacts(gain * active, target * active, normal_impulse, slip, total_impulse)

    def refine(
        self,
        contacts: PlaneContacts,
        twist: Tensor,
        n: Tensor,
        motion: MotionState,
        bodies: BodyBatch,
    ) -> PlaneContacts:
        """The contacts for bodies of a twist (6, N): separating contacts are open."""
        _, u_n, slip = self._point_kinematics(twist, n, motion.position[2:], bodies)
        push = (contacts.target - contacts.gain * u_n).relu()
        active = push.sign()
        return contacts._replace(
            gain=active * contacts.gain,
            target=active * contacts.target,
            normal_impulse=push,
            slip=slip,
        )

    def system(self, contacts: PlaneContacts, n: Tensor, bodies: BodyBatch) -> Tensor:
        """The plane's terms of the system. Shape (27, N)."""
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

        A spring that unloads with e^2 of its force returns the share e of the speed if substeps
        resolve the impact (Walton and Braun, 1986); otherwise the target is that speed at once.
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
        """Normal impulses (1, P, N) for the friction, and their sum (1, N).

        The impulses act as if at their common centre, which is exact for an impact; for a resting
        or sliding body, the sum is the support impulse of the last substep.
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
