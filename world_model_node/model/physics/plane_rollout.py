"""Bodies left to themselves on a plane as one graph: H output steps of a few substeps each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from world_model_node.model.physics.body_state import (
    BodyParameters,
    BodyState,
    ContactLaw,
    default_law,
)
from world_model_node.model.physics.contact_step import ContactStep, Residual

INPUTS = (
    *('position', 'rotation', 'velocity', 'angular_velocity'),
    *('mass', 'inertia', 'friction', 'restitution', 'points', 'height', 'latent'),
)
OUTPUTS = ('positions', 'rotations', 'velocities', 'angular_velocities')


class PlaneRollout(nn.Module):
    """N bodies on a level plane, `steps` x `step_s` ahead; the contact law is learnable."""

    def __init__(
        self,
        steps: int = 20,
        step_s: float = 0.05,
        substeps: int = 3,
        residual: Residual | None = None,
    ) -> None:
        super().__init__()
        self.steps, self.substeps = steps, substeps
        self.step = ContactStep(step_s / substeps, residual=residual)
        law = default_law()
        self.log_law = nn.Parameter(torch.stack(law[:3]).log())
        self.rounding_m = nn.Parameter(law.rounding_m.clone())

    @property
    def law(self) -> ContactLaw:
        """The contact law as it is now."""
        return ContactLaw(*self.log_law.exp(), self.rounding_m)

    def forward(
        self,
        position: Tensor,
        rotation: Tensor,
        velocity: Tensor,
        angular_velocity: Tensor,
        mass: Tensor,
        inertia: Tensor,
        friction: Tensor,
        restitution: Tensor,
        points: Tensor,
        height: Tensor,
        latent: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Positions (N, H, 3), quaternions (N, H, 4), velocities and spins (N, H, 3), world frame.

        The arguments are those of `BodyState` and `BodyParameters`, then `height` (N, 1) [m] of
        the plane and `latent` (N, Z), which only the residual reads.
        """
        step = self.step
        body = BodyParameters(mass, inertia, friction, restitution, points)
        bodies = step.prepare(body, self.law, height, latent)
        motion = step.from_body_state(BodyState(position, rotation, velocity, angular_velocity))
        ahead = []
        for _ in range(self.steps):
            for _ in range(self.substeps):
                motion = step(motion, bodies)
            ahead.append(step.to_body_state(motion))
        return tuple(torch.stack(series, 1) for series in zip(*ahead, strict=True))
