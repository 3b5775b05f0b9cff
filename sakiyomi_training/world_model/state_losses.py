"""Losses of the belief: the present state and the hidden properties, without a rollout."""

from __future__ import annotations

import torch
from torch import Tensor

from sakiyomi_training.world_model.examples.episode_hand import STEPS_PER_FRAME
from sakiyomi_training.world_model.examples.example_set import Batch, to_model_input
from sakiyomi_training.world_model.training_config import TrainingConfig
from world_model_node.model.belief import Belief, ModelInput
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.network import WorldNetwork
from world_model_node.model.state_posterior import QUANTITIES, StateSample

OUTLIER_SIGMAS = 4.0  # residual in sigmas beyond which the loss is linear
PLACEHOLDER_PROPERTY = 0.1


def belief_loss(network: WorldNetwork, batch: Batch, config: TrainingConfig) -> Tensor:
    """The likelihood of the present state under the belief, without a rollout.

    Without simulated truth, the next frame gives the present state in hindsight.
    """
    inputs = to_model_input(batch)
    belief = network.update(inputs)
    if config.privileged > 0.0:
        state, hidden = state_losses(network, belief, inputs, batch)
        return state + 0.1 * hidden
    sample, sigma = _posterior_mean(network, belief, inputs)
    scales = network.belief.hidden_state.config
    on = batch['tracked_on'][:, :, STEPS_PER_FRAME - 1] * batch['weight']
    seen = (batch['tracked_place'][:, :, STEPS_PER_FRAME - 1] - inputs.place) / FRAME_S
    loss = _state_nll(sample.velocity[:, 0] - seen, sigma['velocity'], scales.velocity_scale_mps)
    loss = loss + _state_nll(sample.position_offset[:, 0], sigma['shift'], scales.position_scale_m)
    return (loss * on).sum() / on.sum().clamp(min=1.0)


def _posterior_mean(
    network: WorldNetwork, belief: Belief, inputs: ModelInput
) -> tuple[StateSample, dict[str, Tensor]]:
    """The mean of the posterior, and its log sigma by quantity."""
    zero_noise = torch.zeros_like(belief.posterior.mean).unsqueeze(1)
    hidden_state = network.belief.hidden_state
    sample = hidden_state.sample(belief.posterior, inputs, zero_noise)
    log_sigmas = belief.posterior.log_sigma.split(hidden_state.widths, -1)
    names = [name for name, _, _ in QUANTITIES]
    return sample, dict(zip(names, log_sigmas, strict=False))


def _state_nll(gap: Tensor, log_sigma: Tensor, scale: float) -> Tensor:
    """Negative log-likelihood of a gap (..., 3) and its size, in units of `scale`."""
    white = gap / scale * (-log_sigma).exp()
    d = (white.square().sum(-1) + 1e-6).sqrt()
    square = torch.where(d < OUTLIER_SIGMAS, d * d, 2.0 * OUTLIER_SIGMAS * d - OUTLIER_SIGMAS**2)
    return 0.3 * (0.5 * square + log_sigma.sum(-1)) + _length(gap) / scale


def state_losses(
    network: WorldNetwork, belief: Belief, inputs: ModelInput, batch: Batch
) -> tuple[Tensor, Tensor]:
    """Negative log-likelihoods of the true present state and the true properties."""
    sample, sigma = _posterior_mean(network, belief, inputs)
    scales = network.belief.hidden_state.config
    on = batch['true_on'][:, :, 0] * batch['weight']
    place = inputs.place + sample.position_offset[:, 0] - batch['true_place'][:, :, 0]
    twist = torch.cat([sample.velocity[:, 0], sample.spin[:, 0]], -1) - batch['true_twist']
    state = (
        _state_nll(place, sigma['shift'], scales.position_scale_m)
        + _state_nll(twist[..., :3], sigma['velocity'], scales.velocity_scale_mps)
        + _state_nll(twist[..., 3:], sigma['spin'], scales.spin_scale_radps)
    )
    on_hidden = batch['hidden_on'] * batch['weight']
    # unknown properties are zero, and zero has no logarithm
    hidden = torch.where(
        batch['hidden_on'].unsqueeze(-1) > 0.5, batch['hidden'], PLACEHOLDER_PROPERTY
    )
    known = (_property_nll(sample, sigma, inputs, hidden) * on_hidden).sum()
    return (state * on).sum() / on.sum().clamp(min=1.0), known / on_hidden.sum().clamp(min=1.0)


def _property_nll(
    sample: StateSample, sigma: dict[str, Tensor], inputs: ModelInput, hidden: Tensor
) -> Tensor:
    """Negative log-likelihood (E, n) of the true properties in the posterior's coordinates."""
    mass_unit, friction_unit = (
        inputs.prior[..., 1:2].clamp(0.03, 1.0),
        inputs.prior[..., 3:4].clamp(0.05, 0.6),
    )
    gaps = {
        'mass': (hidden[..., :1] / sample.mass[:, 0]).log() / mass_unit,
        'friction': (hidden[..., 1:2] / sample.friction[:, 0]).log() / friction_unit,
        'restitution': _logit(hidden[..., 2:3] / 0.9) - _logit(sample.restitution[:, 0] / 0.9),
        'rolling': (hidden[..., 3:4] / sample.rolling[:, 0]).log(),
        'spinning': (hidden[..., 4:5] / sample.spinning[:, 0]).log(),
    }
    nll = torch.zeros_like(hidden[..., 0])
    for name, gap in gaps.items():
        white = gap.clamp(-8.0, 8.0) * (-sigma[name]).exp()
        nll = nll + (0.5 * white.square() + sigma[name]).squeeze(-1)
    return nll + _length(sample.center[:, 0] - hidden[..., 5:]) / 0.02


def _logit(share: Tensor) -> Tensor:
    share = share.clamp(0.02, 0.98)
    return (share / (1.0 - share)).log()


def _length(vector: Tensor) -> Tensor:
    return (vector.square().sum(-1) + 1e-6).sqrt()
