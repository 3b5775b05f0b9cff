"""All examples in memory, grouped by number of objects and by whether a hand acts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sakiyomi.errors import BadInputError
from sakiyomi_data.counterfactual.counterfactual_scene import (
    has_counterfactuals,
    read_counterfactuals,
)
from sakiyomi_data.episodes.shards import PATTERN, read_shard
from sakiyomi_training.world_model.examples.counterfactual_examples import counterfactual_examples
from sakiyomi_training.world_model.examples.episode_examples import is_usable, make_examples
from sakiyomi_training.world_model.examples.mirroring import mirrored
from sakiyomi_training.world_model.examples.target_columns import Example
from world_model_node.model.belief import ModelInput

CALIBRATION_EVERY = 8  # every such episode is for calibration, not for training
log = logging.getLogger(__name__)
Batch = dict[str, Tensor]


class ExampleSet:
    """Stacked examples, grouped by number of objects and by whether a hand acts."""

    def __init__(self, examples: Sequence[Example]) -> None:
        groups: dict[tuple[int, bool], list[Example]] = {}
        for example in examples:
            key = (len(example['present']), bool(example['acts'] > 0.5))
            groups.setdefault(key, []).append(example)
        self.groups = {
            key: {name: np.stack([e[name] for e in group]) for name in group[0]}
            for key, group in sorted(groups.items())
        }

    def __len__(self) -> int:
        return sum(len(group['acts']) for group in self.groups.values())

    def only_t0(self) -> ExampleSet:
        """The examples that start at t0, as in the evaluation."""
        return self._where(lambda group: group['at_t0'] > 0.5)

    def _where(self, chosen) -> ExampleSet:
        result = ExampleSet([])
        for key, group in self.groups.items():
            rows = chosen(group)
            if rows.any():
                result.groups[key] = {name: column[rows] for name, column in group.items()}
        return result

    def sample_batch(self, size: int, rng: np.random.Generator) -> Batch:
        """A random batch of examples with the same number of objects."""
        sizes = np.array([len(group['acts']) for group in self.groups.values()], float)
        key = list(self.groups)[rng.choice(len(sizes), p=sizes / sizes.sum())]
        group = self.groups[key]
        rows = rng.integers(0, len(group['acts']), max(1, size // key[0]))
        return to_batch(group, rows)

    def batches(self, size: int) -> list[Batch]:
        """All examples once, in order."""
        found = []
        for (n, _), group in self.groups.items():
            count, width = len(group['acts']), max(1, size // n)
            for start in range(0, count, width):
                found.append(to_batch(group, np.arange(start, min(count, start + width))))
        return found


def to_batch(group: dict[str, np.ndarray], rows: np.ndarray) -> Batch:
    """The batch of some rows of stacked examples."""
    return {name: torch.from_numpy(column[rows]) for name, column in group.items()}


def to_model_input(batch: Batch) -> ModelInput:
    """The input of the network of a batch."""
    return ModelInput(*(batch[name] for name in ModelInput._fields))


def read_examples(folders: Sequence[Path], touch: bool = True) -> tuple[ExampleSet, ExampleSet]:
    """The training and the calibration examples; `touch` keeps touch.

    A folder may be one of `collect trials`, all of whose examples are for training.

    Raises:
        BadInputError: A folder, shard or usable episode is missing, or trials lack touch.
    """
    training: list[Example] = []
    calibration: list[Example] = []
    for folder in folders:
        if has_counterfactuals(folder):
            if not touch:
                raise BadInputError(f'--data {folder}: trials were felt, expected touch: true')
            training += [
                e for scene in read_counterfactuals(folder) for e in counterfactual_examples(scene)
            ]
            continue
        own = episode_examples(folder, touch)
        training += own[0]
        calibration += own[1]
    if not training:
        raise BadInputError(f'--data {folders[0]}: got no usable episode, expected at least one')
    return ExampleSet(training), ExampleSet(calibration or training)


def episode_examples(folder: Path, touch: bool = True) -> tuple[list[Example], list[Example]]:
    """The training examples, each episode also mirrored, and the calibration examples.

    Raises:
        BadInputError: The folder is missing, or has no readable shard.
    """
    training: list[Example] = []
    calibration: list[Example] = []
    for file in _shard_files(folder):
        for number, episode in enumerate(read_shard(file)):
            if not is_usable(episode):
                log.warning('%s, episode %d: not finite, left out', file, number)
                continue
            own = calibration if number % CALIBRATION_EVERY == 0 else training
            own += make_examples(episode, touch=touch)
            if own is training:
                own += make_examples(mirrored(episode), touch=touch)
    return training, calibration


def _shard_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise BadInputError(f'--data {folder}: no such folder')
    files = sorted(folder.glob(PATTERN))
    if not files:
        raise BadInputError(f'--data {folder}: got no {PATTERN}, expected at least one')
    return files
