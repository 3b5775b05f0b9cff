"""`sakiyomi train world_model`: training on episodes (docs/collect.md)."""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.parameters import with_values
from sakiyomi_data.object_split import HELD_OUT_PERCENT
from sakiyomi_data.results import provenance
from sakiyomi_training.world_model.ablations import ablation_changes
from sakiyomi_training.world_model.calibration import calibrate
from sakiyomi_training.world_model.examples.example_set import ExampleSet, read_examples
from sakiyomi_training.world_model.loss_curves import plot_loss_curves
from sakiyomi_training.world_model.prediction_metrics import t0_metrics
from sakiyomi_training.world_model.trainer import Trainer
from sakiyomi_training.world_model.training_config import TrainingConfig
from sakiyomi_training.world_model.weight_averaging import average_calibration, average_weights
from world_model_node.inference.onnx_export import write_graphs
from world_model_node.model.card import MODEL_CARD, WEIGHTS, WorldModelCard
from world_model_node.model.network import MOTION_KINDS, WorldNetwork
from world_model_node.model.weights import load_model, save_model

SAVE_EVERY = 100  # steps between checkpoints
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument('--data', type=Path, required=True, nargs='+', help='folders of episodes')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder of the checkpoint; OUT/model of the model'
    )
    parser.add_argument('--config', type=Path, help='YAML with fields of TrainingConfig')
    parser.add_argument('--start', type=Path, help='folder of a model to go on learning from')
    parser.add_argument('--steps', type=int, help='in place of the config')
    parser.add_argument('--no-privileged', action='store_true', help='no simulated truth')
    parser.add_argument('--no-jepa', action='store_true', help='no embedding prediction')
    parser.add_argument(
        '--no-touch', action='store_true', help='nothing is felt, or predicted to be'
    )
    parser.add_argument(
        '--pure-network', action='store_true', help='no contact physics: all is learned'
    )
    parser.add_argument(
        '--start-share',
        type=float,
        default=0.0,
        help='of the weights started from in the result: a mean with those learned',
    )
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--seed', type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Train, calibrate, write the model; the exit status."""
    config = training_config(args)
    check_start(args)
    console = make_console(stderr=True)
    logging.basicConfig(
        level=logging.INFO, format='%(message)s', handlers=[RichHandler(console=console)]
    )
    torch.set_num_threads(args.threads)
    start, started_from = None, None
    if args.start is not None:
        start, before = load_model(args.start)
        started_from = before.sha256
    training_set, calibration_set = read_examples(args.data, config.model.touch)
    trainer = Trainer(training_set, config, args.out, args.seed, start)
    train(trainer, console)
    details = finish(trainer, calibration_set, len(training_set), start, args.start_share)
    details['started_from'] = started_from
    details['start_share'] = args.start_share
    details['provenance'] = provenance(args)
    card = save_model(trainer.network, args.out / 'model', details)
    write_graphs(args.out / 'model')
    (args.out / 'model' / MODEL_CARD).write_text(model_card(card), encoding='utf-8')
    (args.out / 'metrics.json').write_text(json.dumps(details, indent=2) + '\n')
    plot_loss_curves(args.out / 'curves.png', trainer.curve)
    make_console().print_json(data=details['figures_on_kept_episodes'])
    return 0


def check_start(args: argparse.Namespace) -> None:
    """Check the share of the initial weights.

    Raises:
        BadInputError: The share is out of range, or has no initial weights.
    """
    if not 0.0 <= args.start_share < 1.0 or (args.start_share and args.start is None):
        started = 'no --start' if args.start is None else f'--start {args.start}'
        raise BadInputError(
            f'--start-share: got {args.start_share} and {started}, expected 0 to 1, 1 excluded,'
            ' and above 0 only with --start'
        )


def training_config(args: argparse.Namespace) -> TrainingConfig:
    """The config from defaults, then the file, then the switches.

    Raises:
        BadInputError: The file cannot be read or has an unknown field.
    """
    options = {
        'privileged labels': args.no_privileged,
        'joint-embedding': args.no_jepa,
        'touch': args.no_touch,
        'structure': args.pure_network,
    }
    changes = ablation_changes(part for part, left_out in options.items() if left_out)
    return with_values(read_config(TrainingConfig(), args), changes)


def read_config(config: TrainingConfig, args: argparse.Namespace) -> TrainingConfig:
    """The config with the values of the file and `--steps`; raises as `training_config`."""
    if args.config is not None:
        config = with_values(config, _values(args.config))
    if args.steps is not None:
        config = with_values(config, {'steps': args.steps})
    if args.threads < 1 or args.seed < 0:
        got = f'{args.threads} and {args.seed}'
        raise BadInputError(f'--threads and --seed: got {got}, expected at least 1 and 0')
    if args.out.exists() and not args.out.is_dir():
        raise BadInputError(f'--out {args.out}: got a file, expected a folder')
    return config


def _values(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8')) or {}
    except (OSError, yaml.YAMLError) as error:
        raise BadInputError(f'--config {path}: {" ".join(str(error).split())}') from error
    if not isinstance(values, dict):
        raise BadInputError(f'--config {path}: got {type(values).__name__}, expected a map')
    nested = values.pop('model', {})
    return values | {f'model.{name}': value for name, value in nested.items()}


def train(trainer: Trainer, console, label: str = 'loss') -> None:
    """Train for all steps of the config; an interrupt leaves a checkpoint."""
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task('training', total=trainer.config.steps, completed=trainer.step)
        try:
            while trainer.step < trainer.config.steps:
                trainer.advance()
                loss = trainer.curve[-1]['loss']
                progress.update(task, completed=trainer.step, description=f'{label} {loss:.3f}')
                if trainer.step % SAVE_EVERY == 0:
                    trainer.save()
        finally:
            trainer.save()


def finish(
    trainer: Trainer,
    calibration_set: ExampleSet,
    examples: int,
    start: WorldNetwork | None = None,
    share: float = 0.0,
) -> dict[str, Any]:
    """Average with `start`, calibrate on held-out episodes, and return the details of the card."""
    network = trainer.network.eval()
    if start is not None:
        average_weights(network, start, share)
    calibrate(network, calibration_set)
    if start is not None:
        average_calibration(network, start, share)
    factors = network.calibration.double().numpy()
    return {
        'what': 'belief about hidden properties and 20 future poses of objects, 50 ms apart',
        'examples_learned_from': examples,
        'held_out': f'objects whose crc32(name) % 100 < {HELD_OUT_PERCENT}, if the data says so',
        'calibrated_on': f'{len(calibration_set)} examples of kept episodes of the same objects',
        'sigma_factors': {
            kind: {'first': own[0].tolist(), 'last': own[-1].tolist()}
            for kind, own in zip(MOTION_KINDS, factors, strict=True)
        },
        'training': asdict(trainer.config),
        'seed': trainer.seed,
        'steps': trainer.step,
        'figures_on_kept_episodes': t0_metrics(network, calibration_set.only_t0()),
    }


def model_card(card: WorldModelCard) -> str:
    """The model card in Markdown."""
    d = card.details
    figures = '\n'.join(f'| {k} | {v} |' for k, v in d['figures_on_kept_episodes'].items())
    command = ' '.join(d['provenance']['command'])
    return f"""# World model {card.short_hash}

{d['what'].capitalize()}; what it is made of is in `world_model_node/model`, its sizes in the card.

- weights: `{WEIGHTS}`, sha256 `{card.sha256}`
- command: `{command}`
- data: {d['examples_learned_from']} examples from simulated episodes (docs/collect.md)
- started from: {'weights ' + d['started_from'] if d.get('started_from') else 'random weights'}, \
whose share in these and in their doubt is {d.get('start_share', 0.0):g}
- held out: {d['held_out']}
- calibrated on: {d['calibrated_on']}

| on episodes kept from the training objects | |
|---|---|
{figures}

Made for rigid objects of hand size on a table. What it says of mass before an object is lifted,
and of friction before it slides, is little more than a prior; its covariance says so.
"""
