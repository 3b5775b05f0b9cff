"""`sakiyomi collect trials`: what if, tried; resumes where it was interrupted."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from rich.logging import RichHandler
from rich.progress import track

from sakiyomi.cli.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_training.episodes.collection import SPLITS, open_folder, split_files
from sakiyomi_training.episodes.executors import EXECUTORS
from sakiyomi_training.trials.scene import trials_file
from sakiyomi_training.trials.trying import TrialJob, make_trials


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """With which objects, how much, and where it goes."""
    parser.add_argument(
        '--objects', required=True, metavar='DIR[,DIR]', help='URDFs, meshes or random_urdfs'
    )
    parser.add_argument('--split', choices=SPLITS, default='train', help='of the objects, by name')
    parser.add_argument('--scenes', type=int, default=400)
    parser.add_argument('--candidates', type=int, default=16, help='of each kind, in each scene')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--workers', type=int, default=1)
    parser.add_argument('--out', type=Path, required=True, help='folder of the scenes')


def run(args: argparse.Namespace) -> int:
    """Try what is missing; the exit status."""
    for name, least in (('scenes', 1), ('candidates', 1), ('seed', 0), ('workers', 1)):
        if getattr(args, name) < least:
            raise BadInputError(f'--{name}: got {getattr(args, name)}, expected at least {least}')
    console = make_console(stderr=True)
    logging.basicConfig(level=logging.WARNING, handlers=[RichHandler(console=console)])
    files = split_files(tuple(args.objects.split(',')), args.split)
    plan = {name: getattr(args, name) for name in ('objects', 'split', 'candidates', 'seed')}
    open_folder(args.out, plan, {})
    jobs = [
        TrialJob(files, args.seed, index, args.candidates, args.out)
        for index in range(args.scenes)
        if not trials_file(args.out, index).exists()
    ]
    results = EXECUTORS['local'](args.workers).results(make_trials, jobs)
    for _ in track(results, 'scenes', total=len(jobs), console=console):
        pass
    return 0
