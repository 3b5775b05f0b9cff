"""Training on rendered scenes, which resumes from a checkpoint and reads new scenes."""

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
from world_model_node.segmentation.supervoxels import MAX_SUPERVOXELS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SegmentationTrainingConfig:
    """Optimisation of the segmentation network.

    Attributes:
        batch: Views per step.
        early_max_parts: Largest number of parts of a view in the early steps.
        early_share: Share of the time with thinned views.
        learning_rate: Highest learning rate.
        weight_decay: Weight decay of AdamW.
        warm_up: Share of the time in which the learning rate rises.
        near_m: Distance over which the weight of a pair decays.
        far_weight: Weight of a pair of distant parts.
        vote_weight: Weight of the votes in the loss.
        object_weight: Weight of the parts in the loss.
        validation_files: Held-out files of each kind of scene.
        checkpoint_s: Time between checkpoints.
        new_scenes: Largest number of files that an epoch adds.
        validate_every: Epochs between validations.
    """

    batch: int = 4
    early_max_parts: int = 112
    early_share: float = 0.85
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    warm_up: float = 0.02
    near_m: float = 0.06
    far_weight: float = 0.1
    vote_weight: float = 0.5
    object_weight: float = 0.2
    validation_files: int = 25
    checkpoint_s: float = 120.0
    new_scenes: int = 300
    validate_every: int = 3


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


class Trainer:
    """Network, optimiser and the scenes read so far.

    Args:
        data: One folder per kind of scene, each with train_*.npz and held_out_*.npz.
        out: Folder of the checkpoint.
        seed: Seed of initialisation, order and augmentation.
        config: Optimisation; default: `SegmentationTrainingConfig()`.
    """

    def __init__(
        self,
        data: Path,
        out: Path,
        seed: int,
        config: SegmentationTrainingConfig | None = None,
    ) -> None:
        torch.manual_seed(seed)
        self.config = config or SegmentationTrainingConfig()
        self.data, self.out = data, out
        self.rng = np.random.default_rng(seed)
        self.network = SupervoxelNetwork()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            self.config.learning_rate,
            weight_decay=self.config.weight_decay,
        )
        self.files: set[Path] = set()
        self.examples: list[Example] = []
        self.step, self.spent_s = 0, 0.0
        self._resume()

    def read_new_scenes(self, most: int) -> None:
        """Read at most `most` scenes that are new in the folder.

        Raises:
            BadInputError: The folder has no scene.
        """
        new = [p for p in sorted(self.data.glob('*/train_*.npz')) if p not in self.files]
        for path in sorted(new, key=lambda p: p.name)[:most]:
            self.files.add(path)
            self.examples += read_examples(path)
        if not self.examples:
            raise BadInputError(f'--data {self.data}: expected */train_*.npz, found none')

    def epoch(self, minutes: float, deadline: float) -> float:
        """The mean loss of one epoch, which ends at the deadline."""
        c = self.config
        self.network.train()
        order = self.rng.permutation(len(self.examples))
        losses = []
        for start in range(0, len(order), c.batch):
            started = time.monotonic()
            if started > deadline:
                break
            done = self.spent_s / (60.0 * minutes)
            self._set_rate(done)
            most = c.early_max_parts if done < c.early_share else MAX_SUPERVOXELS
            chosen = [self.examples[i] for i in order[start : start + c.batch]]
            items = [augment(subsample_parts(item, most, self.rng), self.rng) for item in chosen]
            loss = loss_of(self.network, batch_of(items), c)
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
        warm = min(1.0, done / self.config.warm_up + 0.05)
        cosine = 0.01 + 0.99 * 0.5 * (1.0 + np.cos(np.pi * min(done, 1.0)))
        rate = self.config.learning_rate * warm * cosine
        for parameters in self.optimizer.param_groups:
            parameters['lr'] = rate


def held_out_views(data: Path, files: int) -> dict[str, list[LabelledGraph]]:
    """The first view of held-out scenes, by kind of scene."""
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
    """The score on held-out objects, by kind of scene."""
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
    labels = group_supervoxels(same[0].numpy(), of_object[0].numpy(), graph.counts)
    return labels[view.supervoxel_of_voxel]


def train(data: Path, out: Path, minutes: float, seed: int) -> Trainer:
    """Train for a number of minutes in total, including earlier runs.

    Raises:
        BadInputError: The folder has no scene.
    """
    trainer = Trainer(data, out, seed)
    config = trainer.config
    kinds = held_out_views(data, config.validation_files)
    saved, epoch = time.monotonic(), 0
    while trainer.spent_s < 60.0 * minutes:
        trainer.read_new_scenes(most=config.new_scenes)
        deadline = time.monotonic() + 60.0 * minutes - trainer.spent_s
        loss = trainer.epoch(minutes, deadline)
        epoch += 1
        line = f'{trainer.spent_s / 60:.1f} min, {len(trainer.examples)} views, loss {loss:.4f}'
        if epoch % config.validate_every == 0:
            for kind, result in validate(trainer.network, kinds).items():
                f = result.figures()
                line += f'  {kind} P {f["precision"]:.3f} R {f["recall"]:.3f}'
        log.info(line)
        if time.monotonic() - saved > config.checkpoint_s:
            trainer.save()
            saved = time.monotonic()
    trainer.save()
    return trainer
