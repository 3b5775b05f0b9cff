"""The segmentation network, which groups the parts of a cloud; for training and export.

Parts attend to each other with a bias from the features of each pair (Ying et al., Do
transformers really perform bad for graph representation?, NeurIPS 2021; Landrieu and Simonovsky,
Superpoint graphs, CVPR 2018) and vote for the centre of their object (Qi et al., Deep Hough
voting, ICCV 2019; Xie et al., Unseen object instance segmentation, T-RO 2021).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from world_model_node.segmentation.dimensions import NODE_FEATURES, PAIR_FEATURES

WIDTH, NUM_HEADS, NUM_LAYERS, PAIR_WIDTH, EMBEDDING_SIZE = 64, 4, 3, 16, 12
VOTE_SCALE_M = 0.05
MASKED_SCORE = -1e4


class SupervoxelNetwork(nn.Module):
    """Log-odds that two of M parts belong to one object, for B scenes."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(
            nn.Linear(NODE_FEATURES, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)
        )
        self.pair = nn.Linear(PAIR_FEATURES, PAIR_WIDTH)
        self.bias = nn.Linear(PAIR_WIDTH, NUM_HEADS * NUM_LAYERS, bias=False)  # softmax hides one
        self.layers = nn.ModuleList(AttentionLayer() for _ in range(NUM_LAYERS))
        self.leave = nn.LayerNorm(WIDTH)
        self.vote = nn.Linear(WIDTH, 3)
        self.embed = nn.Linear(WIDTH, EMBEDDING_SIZE)
        self.object = nn.Linear(WIDTH, 1)
        self.end = nn.Linear(WIDTH, PAIR_WIDTH)
        self.relate = nn.Linear(PAIR_FEATURES, PAIR_WIDTH, bias=False)  # `end` has one
        self.same = nn.Linear(PAIR_WIDTH, 1)
        self.scale = nn.Parameter(torch.tensor([1.0, 0.1]))

    def forward(
        self, nodes: Tensor, pairs: Tensor, places: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Judge all pairs.

        Args:
            nodes: (B, M, NODE_FEATURES).
            pairs: (B, PAIR_FEATURES, M, M).
            places: (B, M, 3) centres of the parts [m].
            mask: (B, M) 1 for a part, 0 for padding.

        Returns:
            Log-odds that two parts are of one object (B, M, M), log-odds that a part is of any
            object (B, M), and where each part places its object's centre (B, M, 3) [m].
        """
        z = relu(linear_per_pair(self.pair, pairs))  # (B, P, M, M)
        bias = linear_per_pair(self.bias, z)  # (B, L*H, M, M)
        bias = bias + (MASKED_SCORE * (1.0 - mask))[:, None, None, :]
        h = self.enter(nodes)
        for index, layer in enumerate(self.layers):
            h = layer(h, bias[:, index * NUM_HEADS : (index + 1) * NUM_HEADS])
        h = self.leave(h)
        votes = places + VOTE_SCALE_M * self.vote(h)
        end = self.end(h).transpose(1, 2)  # (B, P, M)
        pair_features = relu(
            linear_per_pair(self.relate, pairs) + end[..., None] + end[:, :, None]
        )
        logits = linear_per_pair(self.same, pair_features)[:, 0]
        logits = logits - self.scale[0] * squared_distances(self.embed(h))
        logits = logits - self.scale[1] * squared_distances(votes / 0.02)
        return logits, self.object(h)[..., 0], votes


class AttentionLayer(nn.Module):
    """Pre-norm self-attention with a given bias, then a pointwise network."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.LayerNorm(WIDTH)
        self.query_key_value = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.middle = nn.LayerNorm(WIDTH)
        self.grow, self.shrink = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, h: Tensor, bias: Tensor) -> Tensor:
        """(B, M, WIDTH) with the bias (B, HEADS, M, M)."""
        b, m, _ = h.shape
        packed = self.query_key_value(self.before(h)).view(b, m, 3, NUM_HEADS, WIDTH // NUM_HEADS)
        q, k, v = packed.permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, M, d)
        weights = torch.softmax(
            q @ k.transpose(-1, -2) / (WIDTH // NUM_HEADS) ** 0.5 + bias, dim=-1
        )
        seen = (weights @ v).transpose(1, 2).reshape(b, m, WIDTH)
        h = h + self.out(seen)
        return h + self.shrink(relu(self.grow(self.middle(h))))


def squared_distances(rows: Tensor) -> Tensor:
    """Squared distances between the rows (B, M, C). Shape (B, M, M)."""
    squares = (rows * rows).sum(dim=-1)
    product = rows @ rows.transpose(-1, -2)
    return relu(squares[:, :, None] + squares[:, None] - 2.0 * product)


def linear_per_pair(linear: nn.Linear, rows: Tensor) -> Tensor:
    """A layer on (B, C, M, M): channels first, as long rows take half the time of short ones."""
    b, c, m, _ = rows.shape
    product = linear.weight @ rows.reshape(b, c, m * m)
    if linear.bias is not None:
        product = product + linear.bias[:, None]
    return product.reshape(b, -1, m, m)
