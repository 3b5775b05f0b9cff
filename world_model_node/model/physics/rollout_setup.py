"""The initial state of a rollout: samples of the belief as bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from world_model_node.model.algebra.vectors import cross, to_body
from world_model_node.model.belief import ModelInput
from world_model_node.model.contact.body_state import (
    BodyBatch,
    BodyParameters,
    BodyState,
    MotionState,
    default_law,
)
from world_model_node.model.contact.grasp_contact import GraspInit
from world_model_node.model.contact.hand_contact import ConvexShapes
from world_model_node.model.dimensions import OPENING_FEATURE, OPENING_SCALE_M
from world_model_node.model.physics.body_shape import BodyShapeConfig
from world_model_node.model.physics.contact_step import ContactStep
from world_model_node.model.physics.physics_config import PhysicsConfig
from world_model_node.model.state_posterior import StateSample


class RolloutContext(NamedTuple):
    """The constants of a rollout, bodies along the last axis."""

    bodies: BodyBatch
    planes: Tensor  # (4, M, N) about the centre of mass
    center: Tensor  # (3, N) centre of mass from the tracked origin, body frame
    rolling: Tensor  # (1, N)
    spinning: Tensor  # (1, N)
    belt_velocity: Tensor  # (3, N)
    context: Tensor  # (C, N)
    present: Tensor  # (1, N)
    overlap: Tensor  # (PARTS, A, N) initial overlap of the hand with tracked shapes [m]
    objects: int
    grasp_init: GraspInit
    pairs: bool = True  # whether contacts between bodies are computed

    @property
    def shapes(self) -> ConvexShapes:
        """Shapes for the contacts with the hand."""
        return ConvexShapes(self.bodies.points[1:], self.planes)


def initialize_rollout(
    contact_step: ContactStep,
    w: ModelInput,
    sample: StateSample,
    known: Tensor,
    action: Tensor,
    config: PhysicsConfig,
) -> tuple[MotionState, RolloutContext]:
    """The initial motion of all samples, and the constants of the rollout.

    Args:
        contact_step: Step of the rollout.
        w: Input of the network for (E, n) objects.
        sample: State samples (E, K, n).
        known: Features of the belief that the correction reads (E, n, C).
        action: Hand motions (E, B, H + 1, ACTION_SIZE).
        config: Tuning of the rollout.
    """
    B = action.shape[1]
    E, K, n = sample.mass.shape[:3]

    def each(value: Tensor) -> Tensor:
        """Values (E, n, ...) repeated for every action and sample. Shape (N, ...)."""
        rest = value.shape[2:]
        value = value.reshape(E, 1, 1, n, *rest).expand(E, B, K, n, *rest)
        return value.reshape(E * B * K * n, *rest)

    def each_sample(value: Tensor) -> Tensor:
        value = value.unsqueeze(1).expand(E, B, K, n, value.shape[-1])
        return value.reshape(E * B * K * n, -1)

    def each_action(value: Tensor) -> Tensor:
        """Values (E, B, C) repeated for every sample and object. Shape (N, C)."""
        value = value.reshape(E, B, 1, 1, -1).expand(E, B, K, n, value.shape[-1])
        return value.reshape(E * B * K * n, -1)

    d = StateSample(*(each_sample(value) for value in sample))
    mass_center = d.center
    q = contact_step.rotations.rotate(
        each(w.rotation).T,
        0.5 * _rotation_in_body(contact_step, each(w.rotation).T, d.rotation_offset.T),
    )
    R = contact_step.rotations.matrix(q)
    arm = contact_step.rotations.to_world(R, mass_center.T)
    position = each(w.place).T + d.position_offset.T + arm
    velocity = d.velocity.T + cross(d.spin.T, arm)
    round_m = d.roundness * each(w.half_extent).amin(-1, keepdim=True)
    points = each(w.points) - mass_center.unsqueeze(1)
    points = points - round_m.unsqueeze(1) * each(w.directions)
    present = each(w.present).unsqueeze(-1)
    body = BodyParameters(
        d.mass, d.mass.unsqueeze(-1) * each(w.inertia), d.friction, d.restitution, points
    )
    law = default_law()._replace(rounding_m=round_m)
    ground = (
        each(w.ground)
        + _support_coupling(w, R, each, velocity, config.shape) * d.position_offset[:, 2:]
    )
    bodies = contact_step.prepare(body, law, ground)
    motion = contact_step.from_body_state(BodyState(position.T, q.T, velocity.T, d.spin))
    planes = each(w.planes)
    offset = planes[..., 3] - (planes[..., :3] * mass_center.unsqueeze(1)).sum(-1)
    planes = torch.cat([planes[..., :3], offset.unsqueeze(-1)], -1).permute(2, 1, 0)
    grasp = each_action(action[:, :, 0]).T
    grasp_init = GraspInit(
        each(w.held).unsqueeze(0),
        to_body(R, (grasp[:3] - position).unsqueeze(1))[:, 0],
        grasp[7:8],
        torch.maximum(
            each_action(action[..., 7:8].amax(2)), each(_opening(w, config.max_opening_m))
        ).T,
        torch.ones_like(present.T),
    )
    context = torch.cat([each(known), d.latent], -1).T
    belt_velocity = torch.cat([d.belt_velocity.T, torch.zeros_like(d.mass.T)])
    return motion, RolloutContext(
        bodies, planes, mass_center.T, d.rolling.T, d.spinning.T,
        belt_velocity, context, present.T, torch.zeros_like(present.T), n, grasp_init,
    )  # fmt: skip


def _opening(w: ModelInput, max_opening_m: float) -> Tensor:
    """The last observed opening of the hand, `max_opening_m` if unobserved. Shape (E, n, 1)."""
    seen = w.hand_on[:, -1, None, None]
    opening = OPENING_SCALE_M * w.hand[:, -1, :, OPENING_FEATURE : OPENING_FEATURE + 1]
    return seen * opening + (1.0 - seen) * max_opening_m


def _support_coupling(
    w: ModelInput,
    R: Tensor,
    each: Callable[[Tensor], Tensor],
    v: Tensor,
    config: BodyShapeConfig,
) -> Tensor:
    """Share of a body's height error that its support has too. Shape (N, 1).

    A standing body and its support share the height error; the table under a falling body has
    none.
    """
    low = (R[6:].T.unsqueeze(1) * each(w.points)).sum(-1).amin(1, keepdim=True)
    gap = each(w.place)[:, 2:] + low - each(w.ground)
    still = (1.0 - v[2:].T.abs() / config.min_fall_speed_mps).relu()
    return ((1.0 - gap / config.max_standing_gap_m).clamp(0.0, 1.0) * still).detach()


def _rotation_in_body(contact_step: ContactStep, q: Tensor, turn: Tensor) -> Tensor:
    """A world-frame rotation vector in the body frame. Shape (3, N)."""
    return contact_step.rotations.to_body(contact_step.rotations.matrix(q), turn)
