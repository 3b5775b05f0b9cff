"""What is minimised: likelihood of what was seen next, touch, embeddings, and truth by choice."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from sakiyomi_training.world_model.auxiliary import Auxiliary
from sakiyomi_training.world_model.examples.episode_examples import LATER
from sakiyomi_training.world_model.examples.example_set import Batch, watched_of
from sakiyomi_training.world_model.examples.watched_hand import PER_FRAME
from sakiyomi_training.world_model.training_config import TrainingConfig
from world_model_node.model.belief import Belief, Watched
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.hidden_state import (
    QUANTITIES,
    SHIFT_M,
    SPIN_RADPS,
    VELOCITY_MPS,
    Drawn,
)
from world_model_node.model.network import Imagined, WorldNetwork, turns
from world_model_node.model.physics.involved import Involved

OUTLIER = 4.0  # sigmas beyond which a residual counts linearly
TRACKED_SIGMA_M, TRACKED_SIGMA_RAD = 0.004, 0.05  # at least: of the tracker
ERROR_SCALE_M, ERROR_SCALE_RAD, TURN_WEIGHT = 0.03, 0.6, 0.3
HIDDEN_SOMETHING = 0.1


class Terms(NamedTuple):
    """Each a scalar."""

    tracked: Tensor
    true: Tensor
    state: Tensor
    hidden: Tensor
    touch: Tensor
    embedding: Tensor


def loss_terms(
    network: WorldNetwork,
    auxiliary: Auxiliary,
    batch: Batch,
    noise: Tensor,
    config: TrainingConfig,
) -> Terms:
    """All terms of one batch; `noise` (E, K, n, noise_size)."""
    watched = watched_of(batch)
    belief = network.update(watched)
    parts = Involved(hand=bool((batch['acts'] > 0.5).any()))
    imagined, _ = network.imagine(belief, watched, batch['action'].unsqueeze(1), noise, parts)
    zero = torch.zeros(())
    state, hidden = (
        _known(network, belief, watched, batch) if config.privileged > 0.0 else (zero, zero)
    )
    return Terms(
        _seen(imagined, batch),
        _true(imagined, batch) if config.privileged > 0.0 else zero,
        state,
        hidden,
        _touch(auxiliary, belief, imagined, watched, batch) if config.touch > 0.0 else zero,
        _embedding(network, auxiliary, belief, imagined, watched, batch)
        if config.embedding > 0.0
        else zero,
    )


def weighted(terms: Terms, config: TrainingConfig) -> Tensor:
    """Their sum by the config's weights."""
    return (
        config.tracked * terms.tracked
        + config.privileged * (terms.true + 0.3 * terms.state + 0.1 * terms.hidden)
        + config.touch * terms.touch
        + config.embedding * terms.embedding
    )


def _seen(imagined: Imagined, batch: Batch) -> Tensor:
    variance = batch['tracked_variance']
    place = variance[..., :1] + TRACKED_SIGMA_M**2
    turn = variance[..., 1:] + TRACKED_SIGMA_RAD**2
    noise = torch.cat([place.expand(*place.shape[:-1], 3), turn.expand(*turn.shape[:-1], 3)], -1)
    return _likelihood(
        imagined, batch['tracked_place'], batch['tracked_turn'], noise, batch['tracked_on'], batch
    )


def _true(imagined: Imagined, batch: Batch) -> Tensor:
    place, turn, on = (batch[f'true_{name}'][:, :, 1:] for name in ('place', 'turn', 'on'))
    noise = torch.full((*place.shape[:-1], 6), 1e-6)
    return _likelihood(imagined, place, turn, noise, on, batch)


def _likelihood(
    imagined: Imagined, place: Tensor, turn: Tensor, noise: Tensor, on: Tensor, batch: Batch
) -> Tensor:
    """Mean negative log-likelihood and error of poses (E, n, H, .) where `on`."""
    gap = place - imagined.position[:, 0]
    q = imagined.rotation[:, 0]
    turn = turn * ((turn * q).sum(-1, keepdim=True) + 1e-9).sign()
    away = turns(q, turn)
    covariance = imagined.covariance[:, 0] + torch.diag_embed(noise)
    sane = torch.isfinite(covariance).flatten(-2).all(-1) & torch.isfinite(gap).all(-1)
    weight = on * batch['weight'].unsqueeze(-1) * sane.to(on)
    covariance = torch.where(sane[..., None, None], covariance, torch.eye(6))
    gap, away = (torch.where(sane.unsqueeze(-1), v, 0.0) for v in (gap, away))
    total = weight.sum().clamp(min=1.0)
    nll = _gaussian(gap, covariance[..., :3, :3])
    nll = nll + TURN_WEIGHT * _gaussian(away, covariance[..., 3:, 3:])
    error = (gap.square().sum(-1) + 1e-6).sqrt() / ERROR_SCALE_M
    error = error + TURN_WEIGHT * (away.square().sum(-1) + 1e-4).sqrt() / ERROR_SCALE_RAD
    return ((0.3 * nll + error) * weight).sum() / total


def _gaussian(gap: Tensor, covariance: Tensor) -> Tensor:
    """Negative log density (...) of residuals (..., 3), linear in what is far off."""
    L = torch.linalg.cholesky(covariance)
    white = torch.linalg.solve_triangular(L, gap.unsqueeze(-1), upper=False).squeeze(-1)
    d = (white.square().sum(-1) + 1e-9).sqrt()
    square = torch.where(d < OUTLIER, d * d, 2.0 * OUTLIER * d - OUTLIER**2)
    return 0.5 * square + L.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def belief_loss(network: WorldNetwork, batch: Batch, config: TrainingConfig) -> Tensor:
    """How well the belief alone says what is: cheap, for there is no rollout.

    Without simulated truth the present state is what the next frame shows in hindsight.
    """
    watched = watched_of(batch)
    belief = network.update(watched)
    if config.privileged > 0.0:
        state, hidden = _known(network, belief, watched, batch)
        return state + 0.1 * hidden
    drawn, sigma = _central(network, belief, watched)
    on = batch['tracked_on'][:, :, PER_FRAME - 1] * batch['weight']
    seen = (batch['tracked_place'][:, :, PER_FRAME - 1] - watched.place) / FRAME_S
    loss = _state_gap(drawn.velocity[:, 0] - seen, sigma['velocity'], VELOCITY_MPS)
    loss = loss + _state_gap(drawn.shift[:, 0], sigma['shift'], SHIFT_M)
    return (loss * on).sum() / on.sum().clamp(min=1.0)


def _central(
    network: WorldNetwork, belief: Belief, watched: Watched
) -> tuple[Drawn, dict[str, Tensor]]:
    """The middle of the posterior, and its log sigma by quantity."""
    middle = torch.zeros_like(belief.posterior.mean).unsqueeze(1)
    hidden_state = network.belief.hidden_state
    drawn = hidden_state.draw(belief.posterior, watched, middle)
    parts = belief.posterior.log_sigma.split(hidden_state.widths, -1)
    names = [name for name, _, _ in QUANTITIES]
    return drawn, dict(zip(names, parts, strict=False))


def _state_gap(gap: Tensor, log_sigma: Tensor, scale: float) -> Tensor:
    """Negative log-likelihood of a gap (..., 3) and its size, in units of `scale`."""
    white = gap / scale * (-log_sigma).exp()
    d = (white.square().sum(-1) + 1e-6).sqrt()
    square = torch.where(d < OUTLIER, d * d, 2.0 * OUTLIER * d - OUTLIER**2)
    return 0.3 * (0.5 * square + log_sigma.sum(-1)) + _length(gap) / scale


def _known(
    network: WorldNetwork, belief: Belief, watched: Watched, batch: Batch
) -> tuple[Tensor, Tensor]:
    """Likelihood of the present state and of the properties, by simulated truth."""
    drawn, sigma = _central(network, belief, watched)
    on = batch['true_on'][:, :, 0] * batch['weight']
    place = watched.place + drawn.shift[:, 0] - batch['true_place'][:, :, 0]
    twist = torch.cat([drawn.velocity[:, 0], drawn.spin[:, 0]], -1) - batch['true_twist']
    state = (
        _state_gap(place, sigma['shift'], SHIFT_M)
        + _state_gap(twist[..., :3], sigma['velocity'], VELOCITY_MPS)
        + _state_gap(twist[..., 3:], sigma['spin'], SPIN_RADPS)
    )
    on_hidden = batch['hidden_on'] * batch['weight']
    # zeros where nothing is known have no logarithm
    hidden = torch.where(batch['hidden_on'].unsqueeze(-1) > 0.5, batch['hidden'], HIDDEN_SOMETHING)
    known = (_properties(drawn, sigma, watched, hidden) * on_hidden).sum()
    return (state * on).sum() / on.sum().clamp(min=1.0), known / on_hidden.sum().clamp(min=1.0)


def _properties(
    drawn: Drawn, sigma: dict[str, Tensor], watched: Watched, hidden: Tensor
) -> Tensor:
    """Negative log-likelihood (E, n) of the true properties in the posterior's coordinates."""
    mass_unit, friction_unit = (
        watched.prior[..., 1:2].clamp(0.03, 1.0),
        watched.prior[..., 3:4].clamp(0.05, 0.6),
    )
    gaps = {
        'mass': (hidden[..., :1] / drawn.mass[:, 0]).log() / mass_unit,
        'friction': (hidden[..., 1:2] / drawn.friction[:, 0]).log() / friction_unit,
        'restitution': _logit(hidden[..., 2:3] / 0.9) - _logit(drawn.restitution[:, 0] / 0.9),
        'rolling': (hidden[..., 3:4] / drawn.rolling[:, 0]).log(),
        'spinning': (hidden[..., 4:5] / drawn.spinning[:, 0]).log(),
    }
    nll = torch.zeros_like(hidden[..., 0])
    for name, gap in gaps.items():
        white = gap.clamp(-8.0, 8.0) * (-sigma[name]).exp()
        nll = nll + (0.5 * white.square() + sigma[name]).squeeze(-1)
    return nll + _length(drawn.center[:, 0] - hidden[..., 5:]) / 0.02


def _logit(share: Tensor) -> Tensor:
    share = share.clamp(0.02, 0.98)
    return (share / (1.0 - share)).log()


def _length(vector: Tensor) -> Tensor:
    return (vector.square().sum(-1) + 1e-6).sqrt()


def _future(imagined: Imagined, watched: Watched) -> Tensor:
    """The imagined state as the heads see it. Shape (E, n, H, FUTURE)."""
    moved = (imagined.position[:, 0] - watched.place.unsqueeze(2)) / 0.1
    height = imagined.position[:, 0, ..., 2:] / 0.1
    twist = imagined.twist[:, 0]
    held, slip = imagined.held[:, 0].unsqueeze(-1), imagined.slip[:, 0].unsqueeze(-1)
    return torch.cat([moved, height, twist[..., :3] / 0.5, twist[..., 3:] / 5.0, held, slip], -1)


def _touch(
    auxiliary: Auxiliary, belief: Belief, imagined: Imagined, watched: Watched, batch: Batch
) -> Tensor:
    future = _future(imagined, watched)
    predicted = auxiliary.next_touch(belief.state, future, imagined.held[:, 0])
    error = smooth_l1_loss(predicted, torch.asinh(batch['touched'] / 2.0), reduction='none')
    on = batch['touched_on']
    return (error.mean(-1) * on).sum() / on.sum().clamp(min=1.0)


def _embedding(
    network: WorldNetwork,
    auxiliary: Auxiliary,
    belief: Belief,
    imagined: Imagined,
    watched: Watched,
    batch: Batch,
) -> Tensor:
    """Joint-embedding prediction: the encoder's view of later frames, guarded from collapse.

    The target passes no gradient; variance and covariance of the embeddings are kept up as in
    VICReg (Bardes, Ponce and LeCun, ICLR 2022).
    """
    on = batch['later_on']  # (E, L, n)
    later = watched._replace(
        motion=batch['later_motion'],
        seen=on,
        hand=batch['later_hand'],
        hand_on=batch['later_hand_on'],
        touch=batch['later_touch'],
        touch_on=batch['later_hand_on'] * float(network.config.touch),
    )
    target = network.belief.encoder(later)
    steps = [PER_FRAME * after - 1 for after in LATER]
    future = _future(imagined, watched)[:, :, steps].transpose(1, 2)
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
