"""`sakiyomi finetune`: fine-tuning of trained weights with eight recordings or more."""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from rich.logging import RichHandler
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.paths import share_dir
from sakiyomi_data.episodes.shards import PATTERN
from sakiyomi_data.results import provenance
from sakiyomi_training.train_world_model import read_config, train
from sakiyomi_training.world_model.calibration import calibrate
from sakiyomi_training.world_model.examples.example_set import ExampleSet
from sakiyomi_training.world_model.examples.recordings import (
    FinetuningData,
    read_data,
    read_test,
    recording_files,
)
from sakiyomi_training.world_model.finetuner import Finetuner, FinetuningConfig, with_num_steps
from sakiyomi_training.world_model.loss_curves import plot_loss_curves
from sakiyomi_training.world_model.losses import ERROR_SCALE_M, ERROR_SCALE_RAD, ROTATION_WEIGHT
from sakiyomi_training.world_model.prediction_metrics import t0_metrics
from world_model_node.inference.onnx_export import write_graphs
from world_model_node.model.card import MODEL_CARD, WEIGHTS, WorldModelCard
from world_model_node.model.network import WorldNetwork
from world_model_node.model.weights import load_model, save_model

MIN_CALIBRATION_RECORDINGS = 8  # recordings that the tails of a calibration need
Figures = dict[str, dict[str, float]]  # by name of the example set
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    kinds = '.npz of tosses, .mcap, or folders of these or of episodes'
    parser.add_argument('--data', type=Path, required=True, nargs='+', help=kinds)
    parser.add_argument(
        '--out', type=Path, required=True, help='folder of the checkpoint; OUT/model of the model'
    )
    parser.add_argument('--test', type=Path, nargs='+', help='.npz or .mcap to measure with, only')
    parser.add_argument('--start', type=Path, help='folder of the model; default: the shipped one')
    parser.add_argument('--config', type=Path, help='YAML with fields of FinetuningConfig')
    parser.add_argument(
        '--steps', type=int, help='in place of the config; 0: by the number of examples'
    )
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--seed', type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Train, compare, write the better model; the exit status."""
    config = read_config(FinetuningConfig(), args)
    console = make_console(stderr=True)
    logging.basicConfig(
        level=logging.INFO, format='%(message)s', handlers=[RichHandler(console=console)]
    )
    torch.set_num_threads(args.threads)
    folder = args.start or share_dir('models')
    start, card = load_model(folder)
    data, files = read_data(args.data, card.config.touch), hashes(args.data)
    # a checkpoint of other data or weights does not match this config
    digest = hashlib.sha256(''.join(files.values()).encode()).hexdigest()
    config = replace(config, model=card.config, start=card.sha256, data=digest)
    sets = {'kept': data.validation}  # all starts, for recordings are few
    if args.test:
        sets['test'] = read_test(args.test).only_t0()
    config = with_num_steps(config, len(data.training))
    tuner = Finetuner(data.training, config, args.out, args.seed, start)
    train(tuner, console)
    network, details = finish(tuner, start, data, sets)
    details |= {
        'finetuned_from': {'folder': str(folder), 'sha256': card.sha256},
        'data': files,
        'provenance': provenance(args),
    }
    new = save_model(network, args.out / 'model', details)
    write_graphs(args.out / 'model')
    (args.out / 'model' / MODEL_CARD).write_text(model_card(new), encoding='utf-8')
    (args.out / 'metrics.json').write_text(json.dumps(details, indent=2) + '\n')
    plot_loss_curves(args.out / 'curves.png', tuner.curve)
    make_console().print(table(details))
    return 0


def finish(
    tuner: Finetuner, start: WorldNetwork, data: FinetuningData, sets: dict[str, ExampleSet]
) -> tuple[WorldNetwork, dict[str, Any]]:
    """The better of both networks, and the details of its card."""
    network = tuner.network.eval()
    before = measure(start, sets)
    calibrated = _calibrate(network, data)
    tuned = measure(network, sets)
    helped = not is_worse(tuned['kept'], before['kept'])
    if not helped:
        log.warning('it got worse on the kept examples: the starting weights are kept')
    return network if helped else start, {
        'what': 'belief about hidden properties and 20 future poses of objects, 50 ms apart',
        'weights_kept': 'finetuned' if helped else 'starting',
        'recordings': {
            'learned_from': data.training_recordings,
            'kept': data.validation_recordings,
        },
        'examples': {'learned_from': len(data.training), 'kept': len(data.validation)},
        'calibrated_on': calibrated,
        'training': asdict(tuner.config),
        'seed': tuner.seed,
        'steps': tuner.step,
        'before': before,
        'finetuned': tuned,
    }


def _calibrate(network: WorldNetwork, data: FinetuningData) -> str:
    """Calibrate if there are enough recordings; the description for the card."""
    if data.validation_recordings < MIN_CALIBRATION_RECORDINGS and not data.episodes:
        log.warning(
            'kept %d recordings, calibration needs %d: that of the starting weights stays',
            data.validation_recordings,
            MIN_CALIBRATION_RECORDINGS,
        )
        return 'what the starting weights were: too few recordings were kept'
    calibrate(network, data.validation)
    return f'{len(data.validation)} kept examples'


def measure(network: WorldNetwork, sets: dict[str, ExampleSet]) -> Figures:
    """The figures by name of the example set."""
    return {name: t0_metrics(network, examples) for name, examples in sets.items()}


def is_worse(tuned: dict[str, float], before: dict[str, float]) -> bool:
    """Whether the weighted error of position and rotation has grown."""
    if 'mm_mean' not in before:
        log.warning('nothing moved in the kept examples: whether it helped is not known')
        return False
    return _score(tuned) > _score(before)


def _score(figures: dict[str, float]) -> float:
    """The error of position and rotation with the weights of the loss."""
    turn = figures['rad_mean'] / ERROR_SCALE_RAD
    return 1e-3 * figures['mm_mean'] / ERROR_SCALE_M + ROTATION_WEIGHT * turn


def hashes(paths: Sequence[Path]) -> dict[str, str]:
    """The SHA-256 of every training file."""
    shards = [file for path in paths if path.is_dir() for file in sorted(path.glob(PATTERN))]
    found = {}
    for file in (*shards, *recording_files(paths)):
        with file.open('rb') as stream:
            found[str(file)] = hashlib.file_digest(stream, 'sha256').hexdigest()
    return found


def table(details: dict[str, Any]) -> Table:
    """The figures before and after as a table."""
    sets = list(details['before'])
    columns = [f'{name}, {when}' for name in sets for when in ('before', 'finetuned')]
    result = Table('', *columns, title=f'{details["weights_kept"]} weights')
    names = {name: None for key in sets for name in details['before'][key]}
    for row in names:
        cells = [
            details[when][key].get(row, '') for key in sets for when in ('before', 'finetuned')
        ]
        result.add_row(row, *map(str, cells))
    return result


def model_card(card: WorldModelCard) -> str:
    """The model card in Markdown."""
    d = card.details
    files = '\n'.join(f'- `{name}`, sha256 `{digest}`' for name, digest in d['data'].items())
    figures = '\n'.join(
        f'| {key}: {name} | {value} | {d["finetuned"][key].get(name, "")} |'
        for key, row in d['before'].items()
        for name, value in row.items()
    )
    return f"""# World model {card.short_hash}, finetuned

{d['what'].capitalize()}.

- weights: `{WEIGHTS}`, sha256 `{card.sha256}`: the {d['weights_kept']} ones
- finetuned from: sha256 `{d['finetuned_from']['sha256']}`
- command: `{' '.join(d['provenance']['command'])}`
- recordings: {d['recordings']['learned_from']} learned from, {d['recordings']['kept']} kept
- calibrated on: {d['calibrated_on']}

{files}

Errors against the poses of the recordings; `mean` is over the first 0.5 s. Kept recordings are
predicted from many instants, those of a test from the first of each toss.

| | before | finetuned |
|---|---|---|
{figures}
"""
