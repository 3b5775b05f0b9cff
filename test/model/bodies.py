"""Cubes and blocks for the theorems about the step."""

import torch

from world_model_node.model.contact.body_state import BodyParameters, BodyState, default_law
from world_model_node.model.contact.contact_config import ExternalContactConfig
from world_model_node.model.physics.contact_step import ContactStep

HALF_M, MASS_KG = 0.05, 0.4
CORNERS = torch.tensor([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]).float()


def cube(n=1, friction=0.5, restitution=0.0):
    inertia = torch.eye(3).expand(n, 3, 3) * MASS_KG * (2.0 * HALF_M) ** 2 / 6.0
    column = torch.ones(n, 1)
    return BodyParameters(
        MASS_KG * column,
        inertia,
        friction * column,
        restitution * column,
        (HALF_M * CORNERS).expand(n, 8, 3),
    )


def at(position, velocity=(0.0, 0.0, 0.0), omega=(0.0, 0.0, 0.0), rotation=(1.0, 0.0, 0.0, 0.0)):
    return BodyState(
        *(torch.tensor([row]).float() for row in (position, rotation, velocity, omega))
    )


def tumbling(n, seed):
    """Cubes thrown at random over the plane."""
    random = torch.Generator().manual_seed(seed)

    def normal(k):
        return torch.randn(n, k, generator=random)

    q = normal(4)
    position = torch.cat([normal(2), 0.15 + 0.1 * torch.rand(n, 1, generator=random)], 1)
    return BodyState(position, q / q.norm(dim=1, keepdim=True), normal(3), 4.0 * normal(3))


def move(state, body, duration_s, substep_s=0.0125, law=None, visit=None):
    """The state after `duration_s` on the plane z = 0; `visit` sees every substep."""
    step = ContactStep(substep_s, ExternalContactConfig())
    bodies = step.prepare(body, law or default_law(), torch.zeros(len(body.mass), 1))
    motion = step.from_body_state(state)
    for _ in range(round(duration_s / substep_s)):
        motion = step(motion, bodies)
        if visit is not None:
            visit(step.to_body_state(motion))
    return step.to_body_state(motion)


def energy(state, body):
    """Kinetic and potential energy of every body [J], given a cube's inertia."""
    kinetic = 0.5 * body.mass[:, 0] * (state.velocity**2).sum(1)
    turning = 0.5 * body.inertia[:, 0, 0] * (state.angular_velocity**2).sum(1)
    return kinetic + turning + body.mass[:, 0] * 9.81 * state.position[:, 2]
