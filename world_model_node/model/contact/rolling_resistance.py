"""Rolling and spinning resistance of bodies on the table (rolling friction as a lever arm [m])."""

from __future__ import annotations

from torch import Tensor, nn

from sakiyomi.constants import GRAVITY_MPS2
from world_model_node.model.algebra.vectors import TINY, length
from world_model_node.model.contact.body_state import BodyBatch, MotionState


class RollingResistance(nn.Module):
    """Brakes the spin of bodies in contact with the table."""

    def __init__(self, substep_s: float, contact_distance_m: float) -> None:
        super().__init__()
        self.h, self.contact_distance_m = substep_s, contact_distance_m

    def forward(
        self, motion: MotionState, R: Tensor, bodies: BodyBatch, rolling: Tensor, spinning: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Spin (3, N) in the world frame, and factors (1, N) on its horizontal and vertical parts.

        The torque of the resistance acts on the moment of inertia about the contact point.
        """
        height = motion.position[2:] - bodies.ground  # (1, N)
        lowest = height + (R[6:].detach().unsqueeze(1) * bodies.points[1:].detach()).sum(0).amin(
            0, keepdim=True
        )
        touching = ((self.contact_distance_m - lowest.detach()) / self.contact_distance_m).clamp(
            0.0, 1.0
        )
        omega = self.world_spin(motion, R)
        loss = self.h * GRAVITY_MPS2 * touching * bodies.mass_over_inertia
        rolling_loss = loss * rolling / (1.0 + bodies.mass_over_inertia * height * height)
        horizontal_factor = (1.0 - rolling_loss / (length(omega[:2]) + TINY)).relu()
        vertical_factor = (1.0 - loss * spinning / (omega[2:].abs() + TINY)).relu()
        return omega, horizontal_factor, vertical_factor

    @staticmethod
    def world_spin(motion: MotionState, R: Tensor) -> Tensor:
        """The spin in the world frame. Shape (3, N)."""
        return (R.reshape(3, 3, -1) * motion.spin.unsqueeze(0)).sum(1)
