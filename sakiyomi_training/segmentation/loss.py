"""Padded batches of examples, and the loss of the segmentation network on a batch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from sakiyomi_training.segmentation.examples import Example
from sakiyomi_training.segmentation.network import SupervoxelNetwork
from sakiyomi_training.segmentation.training_config import SegmentationTrainingConfig


@dataclass
class Batch:
    """Examples as padded tensors."""

    nodes: Tensor  # (B, M, F)
    pairs: Tensor  # (B, P, M, M)
    places: Tensor  # (B, M, 3) m
    mask: Tensor  # (B, M)
    labels: Tensor  # (B, M)
    votes: Tensor  # (B, M, 3) m
    weight: Tensor  # (B, M)


def batch_of(items: list[Example]) -> Batch:
    """Pad examples to the largest."""
    b, m = len(items), max(len(item.nodes) for item in items)
    nodes = torch.zeros(b, m, items[0].nodes.shape[1])
    pairs = torch.zeros(b, len(items[0].pairs), m, m)
    batch = Batch(
        nodes,
        pairs,
        torch.zeros(b, m, 3),
        torch.zeros(b, m),
        torch.full((b, m), -1),
        torch.zeros(b, m, 3),
        torch.zeros(b, m),
    )
    for index, item in enumerate(items):
        n = len(item.nodes)
        batch.nodes[index, :n] = torch.from_numpy(item.nodes)
        batch.pairs[index, :, :n, :n] = torch.from_numpy(item.pairs)
        batch.places[index, :n] = torch.from_numpy(item.centers_m)
        batch.mask[index, :n] = 1.0
        batch.labels[index, :n] = torch.from_numpy(item.labels)
        batch.votes[index, :n] = torch.from_numpy(item.votes_m)
        batch.weight[index, :n] = torch.from_numpy(np.sqrt(item.counts)).float()
    return batch


def loss_of(
    network: SupervoxelNetwork, batch: Batch, config: SegmentationTrainingConfig
) -> Tensor:
    """The cross-entropies of pairs and parts, and the error of the votes."""
    logits, of_object, votes = network(batch.nodes, batch.pairs, batch.places, batch.mask)
    known = batch.labels >= 0
    same = (batch.labels[:, :, None] == batch.labels[:, None]).float()
    distance = torch.cdist(batch.places, batch.places)
    weight = (torch.exp(-distance / config.near_m) + config.far_weight) * (
        batch.weight[:, :, None] * batch.weight[:, None]
    )
    weight = weight * (known[:, :, None] | known[:, None])
    weight = weight * (1.0 - torch.eye(weight.shape[1]))
    total = weight.sum(dim=(1, 2), keepdim=True).clamp(min=1e-6) * len(weight)
    pair = binary_cross_entropy_with_logits(logits, same, weight / total, reduction='sum')
    counted = batch.mask / batch.mask.sum()
    part = binary_cross_entropy_with_logits(of_object, known.float(), counted, reduction='sum')
    vote = smooth_l1_loss(votes[known] / 0.02, batch.votes[known] / 0.02)
    return pair + config.object_weight * part + config.vote_weight * vote
