"""`sakiyomi train hold`: training of the grasp success classifier."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from rich.progress import Progress

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.counterfactual.counterfactual_scene import read_counterfactuals
from sakiyomi_data.object_split import HELD_OUT_PERCENT
from sakiyomi_data.results import provenance
from sakiyomi_training.grasp_success_training import (
    FOLDS,
    HELD_M,
    GraspSet,
    cross_validate,
    train_classifier,
)
from world_model_node.model.grasp_success.classifier import MODEL_NAME, WEIGHTS, save_grasp_success
from world_model_node.model.grasp_success.features import FEATURE_NAMES
from world_model_node.model_files import write_card


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument('--data', type=Path, required=True, help='folder of `collect trials`')
    parser.add_argument('--out', type=Path, required=True, help='folder of the model')
    parser.add_argument('--steps', type=int, default=700)
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--seed', type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Cross-validate, train, write; the exit status."""
    for name, least in (('steps', 1), ('threads', 1), ('seed', 0)):
        if getattr(args, name) < least:
            raise BadInputError(f'--{name}: got {getattr(args, name)}, expected at least {least}')
    torch.set_num_threads(args.threads)
    grasps = GraspSet.of(read_counterfactuals(args.data))
    objects = len(set(grasps.names))
    if objects < FOLDS:
        raise BadInputError(
            f'--data {args.data}: got {objects} objects, expected {FOLDS} or more to check with'
        )
    with Progress(console=make_console(stderr=True)) as progress:
        task = progress.add_task('networks', total=FOLDS + 1)
        figures = cross_validate(grasps, args.steps, args.seed, lambda: progress.advance(task))
        network = train_classifier(grasps, args.steps, args.seed)
        progress.advance(task)
    args.out.mkdir(parents=True, exist_ok=True)
    save_grasp_success(args.out, network)
    details = {
        'what': f'probability that a closing hand lifts an object by {HELD_M} m of {2 * HELD_M} m',
        'features': list(FEATURE_NAMES),
        'learned_from': {
            'grasps': len(grasps.held),
            'scenes': len(grasps.names),
            'objects': objects,
        },
        'held_out': f'objects whose crc32(name) % 100 < {HELD_OUT_PERCENT}, if the data says so',
        'cross_validated_by_object': figures,
        'provenance': provenance(args),
    }
    write_card(args.out, MODEL_NAME, (WEIGHTS,), details)
    make_console().print_json(data=figures)
    return 0
