"""Train and test variants of the world model on examples that they share."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_config import read_robot_config
from sakiyomi_data.episodes.shards import count_episodes
from sakiyomi_evaluation.ablation.variants import Variant
from sakiyomi_evaluation.prediction.errors import PredictionErrors, evaluate_episodes
from sakiyomi_evaluation.prediction.paired_episodes import read_paired_episodes
from sakiyomi_evaluation.prediction.predictors import DynamicsPredictor
from sakiyomi_training.train_world_model import finish, train
from sakiyomi_training.world_model.examples.example_set import ExampleSet, read_examples
from sakiyomi_training.world_model.trainer import Trainer
from sakiyomi_training.world_model.training_config import TrainingConfig
from world_model_node.config import PredictionConfig
from world_model_node.inference.learned_dynamics import LearnedDynamics
from world_model_node.inference.torch_engine import TorchEngine
from world_model_node.model.weights import save_model

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VariantResult:
    """What a variant predicted, and from how many examples it had learned."""

    outcomes: list[PredictionErrors]
    examples: int


def train_and_test(
    variants: Sequence[Variant], base: TrainingConfig, args: argparse.Namespace, console: Console
) -> dict[str, VariantResult]:
    """Train and test, by name, those that learn from the same examples."""
    folders = args.data if variants[0].lidar else args.data_without_lidar
    log.info('reading the examples of: %s', ', '.join(v.name for v in variants))
    learned, kept = read_examples(folders, variants[0].config(base).model.touch)
    found = {}
    for variant in variants:
        folder = args.out / variant.folder
        torch.set_num_threads(args.threads)
        trainer = Trainer(learned, variant.config(base), folder, args.seed)
        train(trainer, console, f'{variant.name}, loss')
        _save(trainer, kept, folder / 'model')
        found[variant.name] = VariantResult(
            _tested(variant, folder / 'model', args, console), len(learned)
        )
    return found


def _save(trainer: Trainer, kept: ExampleSet, model: Path) -> None:
    """Calibrate, and write the model."""
    details = finish(trainer, kept, len(trainer.examples))
    save_model(trainer.network, model, details)


def _tested(
    variant: Variant, model: Path, args: argparse.Namespace, console: Console
) -> list[PredictionErrors]:
    """What it says of the held-out episodes."""
    engine = TorchEngine(model)
    dynamics = LearnedDynamics(
        engine, PredictionConfig(), read_robot_config().hand, engine.network.config.touch
    )
    own, others = args.test, args.test_without_lidar or ()
    if not variant.lidar:
        own, others = others, own
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        total = sum(count_episodes(folder) for folder in own)
        label = f'{variant.name}, tested'
        shown = progress.track(read_paired_episodes(own, others), total=total, description=label)
        outcomes = evaluate_episodes(shown, [DynamicsPredictor(dynamics)]).outcomes
    if not outcomes:
        raise BadInputError(f'--test {own[0]}: got no tracked object, expected some')
    return outcomes
