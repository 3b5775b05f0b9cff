"""Auxiliary heads of the training: the next touch and the next embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sakiyomi_data.episodes.layout import PROPERTY_NAMES
from sakiyomi_training.world_model.examples.target_columns import LATER_FRAMES, NUM_TOUCH_TARGETS
from world_model_node.model.model_config import ModelConfig

FUTURE = 12  # features of the imagined state that the heads read


class AuxiliaryHeads(nn.Module):
    """Small networks on top of belief and imagined state."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width = config.hidden
        self.embedding = _head(width + FUTURE + len(LATER_FRAMES), 2 * width, config.embedding)
        self.touch = _head(width + FUTURE + 1, width, NUM_TOUCH_TARGETS)
        self.size = len(PROPERTY_NAMES) + 3

    def next_embedding(self, state: Tensor, future: Tensor) -> Tensor:
        """Embeddings of later frames (E, L, n, .) from state (E, n, .) and future (E, L, n, .)."""
        E, L, n = future.shape[:3]
        which = torch.eye(L).reshape(1, L, 1, L).expand(E, L, n, L)
        state = state.unsqueeze(1).expand(E, L, n, state.shape[-1])
        return self.embedding(torch.cat([state, future, which], -1))

    def next_touch(self, state: Tensor, future: Tensor, held: Tensor) -> Tensor:
        """Touch (E, H, .) summed over objects, from future (E, n, H, .) and held (E, n, H)."""
        steps = future.shape[2]
        state = state.unsqueeze(2).expand(*state.shape[:2], steps, state.shape[-1])
        each = self.touch(torch.cat([state, future, held.unsqueeze(-1)], -1))
        return each.sum(1)


def _head(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs))
