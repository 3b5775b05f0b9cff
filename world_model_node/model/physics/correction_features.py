"""The input of the network that corrects the twist once per step."""

from __future__ import annotations

import torch
from torch import Tensor

from world_model_node.model.algebra.vectors import length
from world_model_node.model.contact.body_state import MotionState
from world_model_node.model.contact.hand_contact import HandKinematics
from world_model_node.model.physics.rollout_setup import RolloutContext

NUM_RESIDUAL_FEATURES = 19  # features of motion and hand that the correction reads


def correction_features(
    motion: MotionState,
    R: Tensor,
    spin: Tensor,
    context: RolloutContext,
    hand: HandKinematics | None,
    hand_range_m: float,
) -> tuple[Tensor, Tensor | None]:
    """Features (C, N) of all bodies, and the proximity of the hand (1, N) in [0, 1].

    Args:
        motion: Motion of N bodies.
        R: Rotations of the bodies. Shape (9, N).
        spin: Spin in the world frame. Shape (3, N).
        context: Constants of the rollout.
        hand: The hand of every body; None without a hand.
        hand_range_m: Distance over which the proximity decays.
    """
    height = motion.position[2:] - context.bodies.ground
    near = None
    if hand is None:
        row = torch.zeros_like(motion.position)
        row = torch.cat([row, row, row[:2]])
    else:
        away = hand.position - motion.position
        near = torch.exp(-length(away) / hand_range_m)
        force = hand.force / 20.0
        row = torch.cat([away * near / hand_range_m, hand.velocity * near, near, force * near])
    features = [
        motion.velocity,
        spin / 5.0,
        R[6:],
        height / 0.05,
        context.bodies.mass.log(),
        row,
        context.context,
    ]
    return torch.cat(features), near
