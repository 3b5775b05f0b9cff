"""`sakiyomi collect trials`: what if, tried; resumes where it was interrupted.

A scene that raises is left out, and the reason told; the next run tries it again.
"""

from __future__ import annotations

import argparse
import logging
from contextlib import closing
from pathlib import Path

from rich.logging import RichHandler
from rich.progress import track

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.counterfactual.counterfactual_scene import counterfactual_file
from sakiyomi_data.counterfactual.simulation import CounterfactualJob, simulate_scene
from sakiyomi_data.episodes.collection import SPLITS, open_folder, split_files
from sakiyomi_data.experiments.executors import EXECUTORS
from sakiyomi_data.experiments.failures import report_failures
from sakiyomi_data.experiments.options import add_workers_argument


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """With which objects, how much, and where it goes."""
    parser.add_argument(
        '--objects', required=True, metavar='DIR[,DIR]', help='URDFs, meshes or random_urdfs'
    )
    parser.add_argument('--split', choices=SPLITS, default='train', help='of the objects, by name')
    parser.add_argument('--scenes', type=int, default=400)
    parser.add_argument('--candidates', type=int, default=16, help='of each kind, in each scene')
    parser.add_argument('--seed', type=int, default=0)
    add_workers_argument(parser)
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
        CounterfactualJob(files, args.seed, index, args.candidates, args.out)
        for index in range(args.scenes)
        if not counterfactual_file(args.out, index).exists()
    ]
    failed = []
    with closing(EXECUTORS['local'](args.workers).results(simulate_scene, jobs)) as ended:
        for outcome in track(ended, 'scenes', total=len(jobs), console=console):
            failed += [] if outcome.failed is None else [outcome.failed]
    report_failures('scenes', failed, args.scenes - len(failed))
    return 0
