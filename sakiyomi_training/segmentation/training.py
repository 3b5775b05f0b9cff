"""Training on rendered scenes, which resumes from a checkpoint and reads new scenes."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

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
from sakiyomi_training.segmentation.loss import batch_of, loss_of
from sakiyomi_training.segmentation.network import SupervoxelNetwork
from sakiyomi_training.segmentation.scoring import InstanceScore, score
from sakiyomi_training.segmentation.training_config import SegmentationTrainingConfig
from world_model_node.segmentation.grouping import group_supervoxels
from world_model_node.segmentation.segmentation_config import GroupingConfig, SupervoxelConfig

log = logging.getLogger(__name__)


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
            most = (
                c.early_max_parts if done < c.early_share else SupervoxelConfig().max_supervoxels
            )
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
    labels = group_supervoxels(
        same[0].numpy(), of_object[0].numpy(), graph.counts, GroupingConfig()
    )
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
