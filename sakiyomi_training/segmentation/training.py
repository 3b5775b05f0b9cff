"""Train the network on rendered scenes; resumes from its checkpoint, takes new scenes in."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from sakiyomi.errors import BadInputError
from sakiyomi_data.segmentation.labelled_views import read_views
from sakiyomi_training.segmentation.examples import (
    MIN_VOXELS,
    Example,
    LabelledGraph,
    augment,
    label_graph,
    read_examples,
    subsample_parts,
)
from sakiyomi_training.segmentation.network import SupervoxelNetwork
from sakiyomi_training.segmentation.scoring import InstanceScore, score
from world_model_node.segmentation.grouping import group_supervoxels
from world_model_node.segmentation.segmentation_config import GroupingConfig, SupervoxelConfig

BATCH = 4
EARLY_MAX_PARTS, EARLY_SHARE = 112, 0.85  # most of the time on views thinned out to so many parts
LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 2e-3, 1e-4, 0.02
NEAR_M, FAR_WEIGHT = 0.06, 0.1  # pairs of near parts count more
VOTE_WEIGHT, OBJECT_WEIGHT = 0.5, 0.2
VALIDATION_FILES = 25  # of each kind of scene
CHECKPOINT_S = 120.0
log = logging.getLogger(__name__)


@dataclass
class Batch:
    """Padded tensors."""

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


def loss_of(network: SupervoxelNetwork, batch: Batch) -> Tensor:
    """Cross-entropy of pairs and of parts, and the error of the votes."""
    logits, of_object, votes = network(batch.nodes, batch.pairs, batch.places, batch.mask)
    known = batch.labels >= 0
    same = (batch.labels[:, :, None] == batch.labels[:, None]).float()
    distance = torch.cdist(batch.places, batch.places)
    weight = (torch.exp(-distance / NEAR_M) + FAR_WEIGHT) * (
        batch.weight[:, :, None] * batch.weight[:, None]
    )
    weight = weight * (known[:, :, None] | known[:, None])
    weight = weight * (1.0 - torch.eye(weight.shape[1]))
    total = weight.sum(dim=(1, 2), keepdim=True).clamp(min=1e-6) * len(weight)
    pair = binary_cross_entropy_with_logits(logits, same, weight / total, reduction='sum')
    counted = batch.mask / batch.mask.sum()
    part = binary_cross_entropy_with_logits(of_object, known.float(), counted, reduction='sum')
    vote = smooth_l1_loss(votes[known] / 0.02, batch.votes[known] / 0.02)
    return pair + OBJECT_WEIGHT * part + VOTE_WEIGHT * vote


class Trainer:
    """Network, optimiser and the scenes read so far.

    Args:
        data: one folder per kind of scene, each with train_*.npz and held_out_*.npz.
        out: folder of the checkpoint.
        seed: of initialisation, order and variation.
    """

    def __init__(self, data: Path, out: Path, seed: int) -> None:
        torch.manual_seed(seed)
        self.data, self.out = data, out
        self.rng = np.random.default_rng(seed)
        self.network = SupervoxelNetwork()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        self.files: set[Path] = set()
        self.examples: list[Example] = []
        self.step, self.spent_s = 0, 0.0
        self._resume()

    def read_new_scenes(self, most: int) -> None:
        """Take in scenes that have appeared, so many at a time.

        Raises:
            BadInputError: there are none at all.
        """
        new = [p for p in sorted(self.data.glob('*/train_*.npz')) if p not in self.files]
        for path in sorted(new, key=lambda p: p.name)[:most]:
            self.files.add(path)
            self.examples += read_examples(path)
        if not self.examples:
            raise BadInputError(f'--data {self.data}: expected */train_*.npz, found none')

    def epoch(self, minutes: float, deadline: float) -> float:
        """Once through the examples, or to the deadline; the mean loss."""
        self.network.train()
        order = self.rng.permutation(len(self.examples))
        losses = []
        for start in range(0, len(order), BATCH):
            started = time.monotonic()
            if started > deadline:
                break
            done = self.spent_s / (60.0 * minutes)
            self._set_rate(done)
            most = EARLY_MAX_PARTS if done < EARLY_SHARE else SupervoxelConfig().max_supervoxels
            chosen = [self.examples[i] for i in order[start : start + BATCH]]
            items = [augment(subsample_parts(item, most, self.rng), self.rng) for item in chosen]
            loss = loss_of(self.network, batch_of(items))
            self.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimizer.step()
            self.step += 1
            self.spent_s += time.monotonic() - started
            losses.append(loss.item())
        return float(np.mean(losses)) if losses else float('nan')

    def save(self) -> None:
        """Write the checkpoint."""
        self.out.mkdir(parents=True, exist_ok=True)
        tensors = {f'network.{k}': v for k, v in self.network.state_dict().items()}
        for index, state in self.optimizer.state_dict()['state'].items():
            tensors |= {f'optimizer.{index}.{key}': value for key, value in state.items()}
        progress = {'step': str(self.step), 'spent_s': str(self.spent_s)}
        partial = self.out / 'checkpoint.part'
        save_file({k: v.contiguous() for k, v in tensors.items()}, partial, metadata=progress)
        partial.rename(self.out / 'checkpoint.safetensors')
        (self.out / 'progress.json').write_text(json.dumps(progress) + '\n')

    def _resume(self) -> None:
        path = self.out / 'checkpoint.safetensors'
        if not path.is_file():
            return
        tensors = load_file(path)
        network = {k.removeprefix('network.'): v for k, v in tensors.items() if k[0] == 'n'}
        self.network.load_state_dict(network)
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith('optimizer.'):
                _, index, name = key.split('.')
                state.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {'state': state})
        progress = json.loads((self.out / 'progress.json').read_text())
        self.step, self.spent_s = int(progress['step']), float(progress['spent_s'])

    def _set_rate(self, done: float) -> None:
        warm = min(1.0, done / WARM_UP + 0.05)
        rate = LEARNING_RATE * warm * (0.01 + 0.99 * 0.5 * (1.0 + np.cos(np.pi * min(done, 1.0))))
        for parameters in self.optimizer.param_groups:
            parameters['lr'] = rate


def held_out_views(data: Path, files: int = VALIDATION_FILES) -> dict[str, list[LabelledGraph]]:
    """The first, nominal view of held-out scenes, per kind of scene."""
    kinds: dict[str, list[LabelledGraph]] = {}
    for folder in sorted(p for p in data.iterdir() if p.is_dir()):
        views = [read_views(path)[0] for path in sorted(folder.glob('held_out_*.npz'))[:files]]
        kept = [label_graph(view) for view in views if len(view.voxels) >= MIN_VOXELS]
        if kept:
            kinds[folder.name] = kept
    return kinds


def validate(
    network: SupervoxelNetwork, kinds: dict[str, list[LabelledGraph]]
) -> dict[str, InstanceScore]:
    """The score on held-out objects, per kind of scene."""
    network.eval()
    return {
        kind: sum((score(predicted_labels(network, v), v.truth) for v in views), InstanceScore())
        for kind, views in kinds.items()
    }


def predicted_labels(network: SupervoxelNetwork, view: LabelledGraph) -> np.ndarray:
    """The network's label of each voxel. Shape (N,)."""
    graph = view.graph
    places = graph.centers_m - graph.centers_m.mean(axis=0)
    arrays = (graph.nodes, graph.pairs, places, np.ones(len(graph)))
    with torch.no_grad():
        same, of_object, _ = network(*(torch.from_numpy(a).float()[None] for a in arrays))
    labels = group_supervoxels(
        same[0].numpy(), of_object[0].numpy(), graph.counts, GroupingConfig()
    )
    return labels[view.supervoxel_of_voxel]


def train(data: Path, out: Path, minutes: float, seed: int, validate_every: int = 3) -> Trainer:
    """Train for so many minutes in all, over resumptions too.

    Raises:
        BadInputError: no scenes.
    """
    trainer = Trainer(data, out, seed)
    kinds = held_out_views(data)
    saved, epoch = time.monotonic(), 0
    while trainer.spent_s < 60.0 * minutes:
        trainer.read_new_scenes(most=300)
        deadline = time.monotonic() + 60.0 * minutes - trainer.spent_s
        loss = trainer.epoch(minutes, deadline)
        epoch += 1
        line = f'{trainer.spent_s / 60:.1f} min, {len(trainer.examples)} views, loss {loss:.4f}'
        if epoch % validate_every == 0:
            for kind, result in validate(trainer.network, kinds).items():
                f = result.figures()
                line += f'  {kind} P {f["precision"]:.3f} R {f["recall"]:.3f}'
        log.info(line)
        if time.monotonic() - saved > CHECKPOINT_S:
            trainer.save()
            saved = time.monotonic()
    trainer.save()
    return trainer
