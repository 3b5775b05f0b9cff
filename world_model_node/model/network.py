"""The learned world model: observations to a belief, belief and actions to futures.

`update` and `imagine` have static shapes and use only operators of ONNX and TensorRT.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from sakiyomi.robot.hand_geometry import TrainedHandShape
from world_model_node.model.belief import Belief, BeliefNetwork, ModelInput
from world_model_node.model.dimensions import NUM_STEPS, STEP_S
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.network_config import NetworkConfig
from world_model_node.model.physics.active_contacts import ActiveContacts
from world_model_node.model.physics.rollout import ALL_CONTACTS, Rollout, RolloutSamples
from world_model_node.model.spatial_median import spatial_median

NOISE_WIDTH = 32
NUM_NOISE_TERMS = 5  # sigmas: horizontal, vertical and angular position, velocity, spin
MOTION_KINDS = ('resting', 'airborne', 'held')  # initial motions with a calibration of their own
LOWEST_POINT_FEATURE = 7  # motion feature that holds the height of the lowest point [0.1 m]


class ImaginedFuture(NamedTuple):
    """The future of n objects under B actions, in the frame of the window."""

    position: Tensor  # (E, B, n, H, 3)
    rotation: Tensor  # (E, B, n, H, 4)
    covariance: Tensor  # (E, B, n, H, 6, 6) position, rotation vector
    twist: Tensor  # (E, B, n, H, 6)
    twist_variance: Tensor  # (E, B, n, H, 2) velocity, spin
    held: Tensor  # (E, B, n, H)
    slip: Tensor  # (E, B, n, H)


class WorldNetwork(nn.Module):
    """Belief and imagination.

    Args:
        config: Sizes and switches, kept in the model card.
        hand: Shape of the hand that the weights fit.
        tuning: All other values; default: those of the shipped weights.
    """

    def __init__(
        self, config: ModelConfig, hand: TrainedHandShape, tuning: NetworkConfig | None = None
    ) -> None:
        super().__init__()
        tuning = tuning or NetworkConfig()
        self.config, self.uncertainty = config, tuning.uncertainty
        self.belief = BeliefNetwork(config, tuning.posterior)
        self.rollout = Rollout(config, hand, tuning.physics)
        self.noise = nn.Sequential(
            nn.Linear(config.hidden + 9, NOISE_WIDTH),
            nn.GELU(),
            nn.Linear(NOISE_WIDTH, NUM_NOISE_TERMS),
        )
        nn.init.zeros_(self.noise[-1].weight)
        nn.init.zeros_(self.noise[-1].bias)
        # horizontal, vertical, angular
        self.register_buffer('calibration', torch.ones(len(MOTION_KINDS), NUM_STEPS, 3))

    @property
    def noise_size(self) -> int:
        """Number of standard normal variates per sample and object."""
        return self.belief.hidden_state.size

    def update(self, inputs: ModelInput) -> Belief:
        """The belief after the observations."""
        return self.belief(inputs)

    def properties(self, belief: Belief, inputs: ModelInput, noise: Tensor) -> Tensor:
        """Mean and variance of mass, friction, restitution and centre of mass.

        The result has the shape (E, n, 6, 2); `noise` is that of `imagine`.
        """
        sample = self.belief.hidden_state.sample(belief.posterior, inputs, noise)
        rows = torch.cat([sample.mass, sample.friction, sample.restitution, sample.center], -1)
        mean = rows.mean(1)
        variance = (rows - mean.unsqueeze(1)).square().mean(1)
        return torch.stack([mean, variance], -1)

    def imagine(
        self,
        belief: Belief,
        inputs: ModelInput,
        action: Tensor,
        noise: Tensor,
        active: ActiveContacts = ALL_CONTACTS,
    ) -> tuple[ImaginedFuture, RolloutSamples]:
        """The future over H steps under every action, and its samples.

        Args:
            belief: Result of `update`.
            inputs: Input of `update`.
            action: Hand motions. Shape (E, B, H + 1, ACTION_SIZE).
            noise: Standard normal variates. Shape (E, K, n, noise_size).
            active: Contacts that are computed.
        """
        sample = self.belief.hidden_state.sample(belief.posterior, inputs, noise)
        rolled = self.rollout(belief, inputs, sample, action, active)
        E, B, K, n = action.shape[0], action.shape[1], noise.shape[1], noise.shape[2]
        return self.summarize_samples(belief, inputs, rolled, (E, B, K, n)), rolled

    def summarize_samples(
        self,
        belief: Belief,
        w: ModelInput,
        rolled: RolloutSamples,
        sizes: tuple[int, int, int, int],
    ) -> ImaginedFuture:
        """Spatial median and calibrated covariance of the samples; `sizes` are E, B, K, n."""

        def split_axes(value: Tensor) -> Tensor:
            """(H, C, N) to (E, B, K, n, H, C)."""
            return value.reshape(NUM_STEPS, -1, *sizes).permute(2, 3, 4, 5, 0, 1)

        p, q, v, spin, held, slipping = (split_axes(value) for value in rolled)
        position = spatial_median(p, 2)
        q = q * ((q * q[:, :, :1]).sum(-1, keepdim=True) + 1e-6).sign()
        mean = q.mean(2)
        rotation = mean / mean.norm(dim=-1, keepdim=True)
        K = sizes[2]
        away = torch.cat(
            [p - position.unsqueeze(2), rotation_between(rotation.unsqueeze(2), q)], -1
        )
        spread = (away.unsqueeze(-1) * away.unsqueeze(-2)).sum(2) / max(K - 1, 1)
        twist = torch.cat([v.mean(2), spin.mean(2)], -1)
        held_mean = held.mean(2)
        sigma = self._sigma(belief, w, position, twist, held_mean, sizes)
        horizontal, vertical, angular, velocity, rate = (sigma * sigma).split(1, -1)
        diagonal = torch.cat([horizontal, horizontal, vertical, angular, angular, angular], -1)
        kinds = motion_kinds(w.motion, w.held, self.uncertainty.min_airborne_height)
        scale = torch.einsum('enk,khc->enhc', kinds, self.calibration)
        scale = scale[..., [0, 0, 1, 2, 2, 2]].unsqueeze(1)
        covariance = spread + diagonal.unsqueeze(-1) * torch.eye(6).to(diagonal)
        covariance = covariance * scale.unsqueeze(-1) * scale.unsqueeze(-2)
        return ImaginedFuture(
            position,
            rotation,
            covariance,
            twist,
            torch.cat([velocity, rate], -1),
            held_mean[..., 0],
            slipping.mean(2)[..., 0],
        )

    def _sigma(
        self,
        belief: Belief,
        w: ModelInput,
        position: Tensor,
        twist: Tensor,
        held: Tensor,
        sizes: tuple[int, int, int, int],
    ) -> Tensor:
        """Learned sigmas beyond the spread of samples. Shape (E, B, n, H, NUM_NOISE_TERMS)."""
        E, B, _, n = sizes
        state = belief.state.reshape(E, 1, n, 1, -1).expand(E, B, n, NUM_STEPS, -1)
        after = STEP_S * torch.arange(1.0, NUM_STEPS + 1).to(position).reshape(NUM_STEPS, 1)
        after = after.expand(E, B, n, NUM_STEPS, 1)
        moved = position - w.place.reshape(E, 1, n, 1, 3)
        speed = (twist[..., :3].square().sum(-1, keepdim=True) + 1e-6).sqrt()
        rate = (twist[..., 3:].square().sum(-1, keepdim=True) + 1e-6).sqrt()
        features = torch.cat(
            [
                state,
                after,
                after.sqrt(),
                moved / 0.1,
                moved.abs()[..., 2:] / 0.1,
                speed,
                rate / 5.0,
                held,
            ],
            -1,
        )
        c = self.uncertainty
        initial, growth, minimum = (
            torch.tensor(row).to(position)
            for row in (c.initial_sigma, c.sigma_growth_per_s, c.min_sigma)
        )
        return (initial + growth * after) * self.noise(features).clamp(-3.0, 4.0).exp() + minimum


def motion_kinds(motion: Tensor, held: Tensor, min_airborne_height: float) -> Tensor:
    """The `MOTION_KINDS` of each object (E, n, 3), one-hot, from fields of `ModelInput`."""
    lowest = motion[:, -1, :, LOWEST_POINT_FEATURE]
    airborne = (lowest > min_airborne_height).to(held) * (1.0 - held)
    return torch.stack([1.0 - airborne - held, airborne, held], -1)


def rotation_between(a: Tensor, b: Tensor) -> Tensor:
    """Rotation vector (..., 3) from quaternion a to b (..., 4), world frame, for small angles."""
    w0, v0, w1, v1 = a[..., :1], a[..., 1:], b[..., :1], b[..., 1:]
    crossed = torch.stack(
        [
            v0[..., 1] * v1[..., 2] - v0[..., 2] * v1[..., 1],
            v0[..., 2] * v1[..., 0] - v0[..., 0] * v1[..., 2],
            v0[..., 0] * v1[..., 1] - v0[..., 1] * v1[..., 0],
        ],
        -1,
    )
    return 2.0 * (w0 * v1 - w1 * v0 + crossed)
