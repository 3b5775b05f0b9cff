"""`sakiyomi train segmentation`: training of the segmentation network."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import torch
from rich.logging import RichHandler

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.object_split import HELD_OUT_PERCENT
from sakiyomi_data.results import provenance
from sakiyomi_training.segmentation.export import export
from sakiyomi_training.segmentation.training import held_out_views, train, validate
from world_model_node.segmentation.dimensions import NODE_FEATURES, PAIR_FEATURES

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        '--data', type=Path, required=True, help='folder with a folder per kind of scene'
    )
    parser.add_argument(
        '--out', type=Path, required=True, help='folder of the checkpoint; OUT/model of the model'
    )
    parser.add_argument('--minutes', type=float, default=20.0, help='of training steps in all')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--seed', type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Train, measure on held-out objects, export; the exit status."""
    if args.minutes <= 0.0 or args.threads < 1:
        raise BadInputError(
            f'--minutes and --threads: got {args.minutes} and {args.threads}, expected more than 0'
        )
    if not args.data.is_dir():
        raise BadInputError(f'--data {args.data}: no such folder')
    console = make_console(stderr=True)
    logging.basicConfig(level=logging.INFO, handlers=[RichHandler(console=console)])
    torch.set_num_threads(args.threads)
    trainer = train(args.data, args.out, args.minutes, args.seed)
    scores = validate(trainer.network, held_out_views(args.data, trainer.config.validation_files))
    figures = {kind: result.figures() for kind, result in scores.items()}
    details = {
        'what': 'log-odds that two parts of a fused cloud are of one object',
        'input': f'{NODE_FEATURES} features of each part, {PAIR_FEATURES} of each pair of parts',
        'scenes_learned_from': {
            folder.name: len(list(folder.glob('train_*.npz')))
            for folder in sorted(args.data.iterdir())
        },
        'held_out': f'objects whose crc32(name) % 100 < {HELD_OUT_PERCENT}',
        'steps': trainer.step,
        'figures_on_held_out_objects': figures,
        'provenance': provenance(args),
    }
    export(trainer.network, args.out / 'model', details)
    make_console().print_json(data=figures)
    return 0
