"""The encoder and the recurrent belief: from observations to a posterior over hidden state."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from world_model_node.model.dimensions import HAND_SIZE, MOTION_SIZE, OUTLINE_SIZE, TOUCH_SIZE
from world_model_node.model.model_config import ModelConfig
from world_model_node.model.state_posterior import Posterior, PosteriorConfig, PosteriorHead

MASKED_SCORE = -1e4  # attention score of a padded object


class ModelInput(NamedTuple):
    """An `InputWindow` of n objects as tensors, with a batch axis E in front."""

    motion: Tensor  # (E, F, n, MOTION_SIZE)
    seen: Tensor  # (E, F, n)
    hand: Tensor  # (E, F, n, HAND_SIZE)
    hand_on: Tensor  # (E, F)
    touch: Tensor  # (E, F, n, TOUCH_SIZE)
    touch_on: Tensor  # (E, F)
    outline: Tensor  # (E, n, NUM_OUTLINE_POINTS, 5)
    shape_on: Tensor  # (E, n)
    place: Tensor  # (E, n, 3)
    rotation: Tensor  # (E, n, 4)
    twist: Tensor  # (E, n, 6)
    measured: Tensor  # (E, n, 6)
    points: Tensor  # (E, n, NUM_POINTS, 3)
    directions: Tensor  # (E, n, NUM_POINTS, 3)
    planes: Tensor  # (E, n, NUM_PLANES, 4)
    inertia: Tensor  # (E, n, 3, 3)
    center: Tensor  # (E, n, 3)
    center_sigma: Tensor  # (E, n, 3)
    half_extent: Tensor  # (E, n, 3)
    ground: Tensor  # (E, n, 1)
    surface: Tensor  # (E, n, 2)
    prior: Tensor  # (E, n, 4)
    held: Tensor  # (E, n)
    present: Tensor  # (E, n)


class Belief(NamedTuple):
    """The belief about n objects."""

    state: Tensor  # (E, n, hidden)
    shape: Tensor  # (E, n, embedding)
    posterior: Posterior  # (E, n, D)


class Encoder(nn.Module):
    """Encodes the modalities of a frame as one vector per object; missing ones are learned."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.embedding
        self.motion, self.hand, self.touch = (
            _two_layers(channels, width) for channels in (MOTION_SIZE, HAND_SIZE, TOUCH_SIZE)
        )
        self.missing = nn.Parameter(torch.zeros(3, width))
        self.norm, self.dropout = nn.LayerNorm(width), nn.Dropout(config.dropout)

    def forward(self, w: ModelInput) -> Tensor:
        """The embeddings of all frames. Shape (E, F, n, embedding)."""
        embeddings = (
            _or_missing(self.motion(w.motion), w.seen.unsqueeze(-1), self.missing[0]),
            _or_missing(self.hand(w.hand), w.hand_on[:, :, None, None], self.missing[1]),
            _or_missing(self.touch(w.touch), w.touch_on[:, :, None, None], self.missing[2]),
        )
        return self.dropout(self.norm(embeddings[0] + embeddings[1] + embeddings[2]))


class ShapeEncoder(nn.Module):
    """A permutation-invariant encoder of surface points (PointNet, Qi et al., CVPR 2017)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.points = _two_layers(OUTLINE_SIZE, config.embedding)
        self.missing = nn.Parameter(torch.zeros(config.embedding))

    def forward(self, w: ModelInput) -> Tensor:
        """The embeddings of all shapes. Shape (E, n, embedding)."""
        pooled = self.points(w.outline).amax(-2)
        return _or_missing(pooled, w.shape_on.unsqueeze(-1), self.missing)


class BeliefNetwork(nn.Module):
    """A gated recurrence per object and one attention block over objects, hand and table."""

    def __init__(self, config: ModelConfig, posterior: PosteriorConfig) -> None:
        super().__init__()
        width = config.hidden
        self.touch_used = config.touch
        self.encoder, self.shape = Encoder(config), ShapeEncoder(config)
        self.cell = nn.GRUCell(config.embedding, width)
        self.enter = nn.Linear(config.embedding + width + 6, width)
        self.hand_token = nn.Linear(HAND_SIZE + 2, width)
        self.table_token = nn.Parameter(torch.zeros(1, 1, width))
        self.query, self.key, self.value, self.leave = (nn.Linear(width, width) for _ in range(4))
        self.refine = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, width),
        )
        self.dropout, self.hidden_state = (
            nn.Dropout(config.dropout),
            PosteriorHead(config, posterior),
        )

    def forward(self, w: ModelInput) -> Belief:
        """The belief after the newest frame."""
        if not self.touch_used:
            w = w._replace(touch_on=torch.zeros_like(w.touch_on))
        embedded = self.encoder(w)  # (E, F, n, embedding)
        E, F, n, width = embedded.shape
        state = torch.zeros_like(embedded[:, 0, :, :1]).expand(E, n, self.cell.hidden_size)
        state = state.reshape(E * n, -1)
        seen = w.seen.unsqueeze(-1)
        for frame in range(F):
            new = self.cell(embedded[:, frame].reshape(E * n, width), state)
            # frames before an object appeared leave the state as is
            state = new * seen[:, frame].reshape(E * n, 1) + state * (
                1.0 - seen[:, frame].reshape(E * n, 1)
            )
        shape = self.shape(w)
        token = self.enter(
            torch.cat([shape, state.reshape(E, n, -1), w.place / 0.2, w.half_extent / 0.05], -1)
        )
        token = token + self._attention(token, w)
        token = self.dropout(token + self.refine(token))
        return Belief(token, shape, self.hidden_state(token, w))

    def _attention(self, token: Tensor, w: ModelInput) -> Tensor:
        hand = torch.cat(
            [w.hand[:, -1].mean(1), w.hand_on[:, -1:], w.touch_on[:, -1:]], -1
        ).unsqueeze(1)
        tokens = torch.cat(
            [token, self.hand_token(hand), self.table_token.expand(len(token), 1, -1)], 1
        )
        present = torch.cat([w.present, torch.ones_like(w.present[:, :1]).expand(-1, 2)], 1)
        score = self.query(token) @ self.key(tokens).transpose(1, 2) / token.shape[-1] ** 0.5
        score = score + MASKED_SCORE * (1.0 - present).unsqueeze(1)
        return self.leave(torch.softmax(score, -1) @ self.value(tokens))


def _two_layers(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels, width), nn.GELU(), nn.Linear(width, width))


def _or_missing(value: Tensor, present: Tensor, missing: Tensor) -> Tensor:
    # a product with zero would let NaN through
    return torch.where(present > 0.5, value, missing.expand_as(value))
