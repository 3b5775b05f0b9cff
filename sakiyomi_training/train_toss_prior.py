"""`sakiyomi train toss_prior`: a prior over cube parameters from simulated tosses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from rich.progress import Progress, TaskID

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.results import check_writable, provenance
from sakiyomi_data.tosses.prior import write_prior
from sakiyomi_training.toss_pretraining import Pretraining, pretrain

MIN_CUBES = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    usual = Pretraining()
    parser.add_argument('--out', type=Path, required=True, metavar='FILE', help='the prior')
    parser.add_argument('--cubes', type=int, default=usual.cubes, help='that are learned from')
    parser.add_argument('--tosses', type=int, default=usual.tosses, help='of each of them')
    parser.add_argument(
        '--further-cubes', type=int, default=usual.further_cubes, help='to see how far it helps'
    )
    parser.add_argument('--generations', type=int, default=usual.generations, help='of a search')
    parser.add_argument('--seed', type=int, default=usual.seed)
    parser.add_argument('--threads', type=int, default=2)


def run(args: argparse.Namespace) -> int:
    """Simulate, fit, write; the exit status."""
    for name, least in (
        ('cubes', MIN_CUBES),
        ('tosses', 2),
        ('further_cubes', 1),
        ('generations', 1),
        ('threads', 1),
    ):
        if getattr(args, name) < least:
            flag, got = name.replace('_', '-'), getattr(args, name)
            raise BadInputError(f'--{flag}: got {got}, expected {least} or more')
    check_writable(str(args.out))
    settings = Pretraining(
        args.cubes, args.tosses, args.further_cubes, generations=args.generations, seed=args.seed
    )
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(
        True
    )  # denormal numbers of fading contacts are a hundred times slower
    try:
        with Progress(console=make_console(stderr=True)) as progress:
            prior, figures = pretrain(settings, _bars(progress))
    finally:
        torch.set_flush_denormal(False)  # the setting holds for the whole thread
    details = {'settings': asdict(settings), 'figures': figures, 'provenance': provenance(args)}
    write_prior(args.out, prior, details)
    make_console().print_json(data=figures)
    return 0


def _bars(progress: Progress) -> Callable[[str, int, int], None]:
    tasks: dict[str, TaskID] = {}

    def update(name: str, done: int, total: int) -> None:
        if done == 1:
            tasks[name] = progress.add_task(name, total=total)
        progress.update(tasks[name], completed=done)

    return update
