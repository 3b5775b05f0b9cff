"""The training loss: likelihood of later poses, touch, embeddings, optional simulated truth."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from sakiyomi_training.world_model.auxiliary_heads import AuxiliaryHeads
from sakiyomi_training.world_model.examples.episode_hand import STEPS_PER_FRAME
from sakiyomi_training.world_model.examples.example_set import Batch, to_model_input
from sakiyomi_training.world_model.examples.target_columns import LATER_FRAMES
from sakiyomi_training.world_model.state_losses import OUTLIER_SIGMAS, state_losses
from sakiyomi_training.world_model.training_config import TrainingConfig
from world_model_node.model.belief import Belief, ModelInput
from world_model_node.model.network import ImaginedFuture, WorldNetwork, rotation_between
from world_model_node.model.physics.active_contacts import ActiveContacts

TRACKED_SIGMA_M, TRACKED_SIGMA_RAD = 0.004, 0.05  # noise floor of tracked poses
ERROR_SCALE_M, ERROR_SCALE_RAD, ROTATION_WEIGHT = 0.03, 0.6, 0.3


class LossTerms(NamedTuple):
    """The terms of the loss, each a scalar."""

    tracked: Tensor
    true: Tensor
    state: Tensor
    hidden: Tensor
    touch: Tensor
    embedding: Tensor


def loss_terms(
    network: WorldNetwork,
    auxiliary: AuxiliaryHeads,
    batch: Batch,
    noise: Tensor,
    config: TrainingConfig,
) -> LossTerms:
    """All terms of one batch; `noise` (E, K, n, noise_size)."""
    inputs = to_model_input(batch)
    belief = network.update(inputs)
    active = ActiveContacts(hand=bool((batch['acts'] > 0.5).any()))
    imagined, _ = network.imagine(belief, inputs, batch['action'].unsqueeze(1), noise, active)
    zero = torch.zeros(())
    state, hidden = (
        state_losses(network, belief, inputs, batch) if config.privileged > 0.0 else (zero, zero)
    )
    return LossTerms(
        _tracked_loss(imagined, batch),
        _true_pose_loss(imagined, batch) if config.privileged > 0.0 else zero,
        state,
        hidden,
        _touch_loss(auxiliary, belief, imagined, inputs, batch) if config.touch > 0.0 else zero,
        _embedding_loss(network, auxiliary, belief, imagined, inputs, batch)
        if config.embedding > 0.0
        else zero,
    )


def weighted_sum(terms: LossTerms, config: TrainingConfig) -> Tensor:
    """The sum of the terms with the weights of the config."""
    return (
        config.tracked * terms.tracked
        + config.privileged * (terms.true + 0.3 * terms.state + 0.1 * terms.hidden)
        + config.touch * terms.touch
        + config.embedding * terms.embedding
    )


def _tracked_loss(imagined: ImaginedFuture, batch: Batch) -> Tensor:
    variance = batch['tracked_variance']
    place = variance[..., :1] + TRACKED_SIGMA_M**2
    turn = variance[..., 1:] + TRACKED_SIGMA_RAD**2
    noise = torch.cat([place.expand(*place.shape[:-1], 3), turn.expand(*turn.shape[:-1], 3)], -1)
    return _pose_loss(
        imagined, batch['tracked_place'], batch['tracked_turn'], noise, batch['tracked_on'], batch
    )


def _true_pose_loss(imagined: ImaginedFuture, batch: Batch) -> Tensor:
    place, turn, on = (batch[f'true_{name}'][:, :, 1:] for name in ('place', 'turn', 'on'))
    noise = torch.full((*place.shape[:-1], 6), 1e-6)
    return _pose_loss(imagined, place, turn, noise, on, batch)


def _pose_loss(
    imagined: ImaginedFuture, place: Tensor, turn: Tensor, noise: Tensor, on: Tensor, batch: Batch
) -> Tensor:
    """Mean negative log-likelihood and error of poses (E, n, H, .) where `on`."""
    gap = place - imagined.position[:, 0]
    q = imagined.rotation[:, 0]
    turn = turn * ((turn * q).sum(-1, keepdim=True) + 1e-9).sign()
    rotation_error = rotation_between(q, turn)
    covariance = imagined.covariance[:, 0] + torch.diag_embed(noise)
    finite = torch.isfinite(covariance).flatten(-2).all(-1) & torch.isfinite(gap).all(-1)
    weight = on * batch['weight'].unsqueeze(-1) * finite.to(on)
    covariance = torch.where(finite[..., None, None], covariance, torch.eye(6))
    gap, rotation_error = (
        torch.where(finite.unsqueeze(-1), v, 0.0) for v in (gap, rotation_error)
    )
    total = weight.sum().clamp(min=1.0)
    nll = _robust_gaussian_nll(gap, covariance[..., :3, :3])
    nll = nll + ROTATION_WEIGHT * _robust_gaussian_nll(rotation_error, covariance[..., 3:, 3:])
    error = (gap.square().sum(-1) + 1e-6).sqrt() / ERROR_SCALE_M
    error = (
        error + ROTATION_WEIGHT * (rotation_error.square().sum(-1) + 1e-4).sqrt() / ERROR_SCALE_RAD
    )
    return ((0.3 * nll + error) * weight).sum() / total


def _robust_gaussian_nll(gap: Tensor, covariance: Tensor) -> Tensor:
    """Negative log density (...) of residuals (..., 3), linear in outliers."""
    L = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(L, gap.unsqueeze(-1), upper=False).squeeze(-1)
    d = (white.square().sum(-1) + 1e-9).sqrt()
    square = torch.where(d < OUTLIER_SIGMAS, d * d, 2.0 * OUTLIER_SIGMAS * d - OUTLIER_SIGMAS**2)
    return 0.5 * square + L.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def _future_features(imagined: ImaginedFuture, inputs: ModelInput) -> Tensor:
    """The input of the auxiliary heads from the imagined state. Shape (E, n, H, FUTURE)."""
    moved = (imagined.position[:, 0] - inputs.place.unsqueeze(2)) / 0.1
    height = imagined.position[:, 0, ..., 2:] / 0.1
    twist = imagined.twist[:, 0]
    held, slip = imagined.held[:, 0].unsqueeze(-1), imagined.slip[:, 0].unsqueeze(-1)
    return torch.cat([moved, height, twist[..., :3] / 0.5, twist[..., 3:] / 5.0, held, slip], -1)


def _touch_loss(
    auxiliary: AuxiliaryHeads,
    belief: Belief,
    imagined: ImaginedFuture,
    inputs: ModelInput,
    batch: Batch,
) -> Tensor:
    future = _future_features(imagined, inputs)
    predicted = auxiliary.next_touch(belief.state, future, imagined.held[:, 0])
    error = smooth_l1_loss(predicted, torch.asinh(batch['touched'] / 2.0), reduction='none')
    on = batch['touched_on']
    return (error.mean(-1) * on).sum() / on.sum().clamp(min=1.0)


def _embedding_loss(
    network: WorldNetwork,
    auxiliary: AuxiliaryHeads,
    belief: Belief,
    imagined: ImaginedFuture,
    inputs: ModelInput,
    batch: Batch,
) -> Tensor:
    """Joint-embedding prediction: the error of predicted embeddings of later frames.

    The target passes no gradient; terms of variance and covariance as in VICReg (Bardes, Ponce and
    LeCun, ICLR 2022) prevent a collapse of the embeddings.
    """
    on = batch['later_on']  # (E, L, n)
    later = inputs._replace(
        motion=batch['later_motion'],
        seen=on,
        hand=batch['later_hand'],
        hand_on=batch['later_hand_on'],
        touch=batch['later_touch'],
        touch_on=batch['later_hand_on'] * float(network.config.touch),
    )
    target = network.belief.encoder(later)
    steps = [STEPS_PER_FRAME * after - 1 for after in LATER_FRAMES]
    future = _future_features(imagined, inputs)[:, :, steps].transpose(1, 2)
    predicted = auxiliary.next_embedding(belief.state, future)
    gap = (predicted - target.detach()).square().mean(-1)
    match = (gap * on).sum() / on.sum().clamp(min=1.0)
    rows = target[on > 0.5]
    if len(rows) < 8:
        return match
    rows = rows - rows.mean(0)
    spread = (rows.square().mean(0) + 1e-4).sqrt()
    covariance = rows.T @ rows / len(rows)
    off = covariance - torch.diag(covariance.diagonal())
    return match + (0.7 - spread).relu().mean() + 0.02 * off.square().sum() / len(covariance)
