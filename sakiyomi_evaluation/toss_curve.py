"""`sakiyomi evaluate toss_curve`: how many real tosses it takes, with and without pre-training.

Which tosses are fitted depends on the seed; all are tested on the same. Without pre-training the
search starts from numbers set by hand, which whoever knows a plastic cube on a table can guess
well; with it, from a prior learned on simulated cubes (`sakiyomi train toss_prior`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from rich.progress import Progress
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_data.tosses.prior import read_prior
from sakiyomi_data.tosses.recordings import read_tosses
from sakiyomi_evaluation.toss import GENERATIONS, check_folder, check_search
from sakiyomi_evaluation.tosses.curve_plot import draw_curve
from sakiyomi_evaluation.tosses.dataset_split import check_rates
from sakiyomi_evaluation.tosses.learning_curve import MEASURED, LearningCurve, summary

COUNTS, SEEDS = (8, 16, 32, 64, 400), (0, 1, 2)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument('--train', type=Path, required=True, metavar='NPZ', help='to fit')
    parser.add_argument('--test', type=Path, required=True, metavar='NPZ', help='to predict')
    parser.add_argument('--pretrained', type=Path, metavar='FILE', help='a learned prior')
    parser.add_argument('--counts', type=int, nargs='+', default=list(COUNTS), metavar='K')
    parser.add_argument('--seeds', type=int, nargs='+', default=list(SEEDS), metavar='S')
    parser.add_argument('--generations', type=int, default=GENERATIONS, help='of each search')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument(
        '--points', type=Path, metavar='FOLDER', help='keep what is finished here, and go on'
    )
    parser.add_argument('--figure', type=Path, metavar='PNG', help='the curve')
    parser.add_argument('--json', metavar='FILE', help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Fit every point that is not finished, report, and return the exit status."""
    check_writable(args.json)
    for flag in ('figure', 'points'):
        check_folder(flag, getattr(args, flag))
    check_search(args.generations, args.threads)
    if min(args.seeds) < 0:
        raise BadInputError(f'--seeds: got {min(args.seeds)}, expected 0 or more')
    prior = None if args.pretrained is None else read_prior(args.pretrained)
    train, test = read_tosses(args.train), read_tosses(args.test, min_tosses=1)
    check_rates(train, args.train, test, args.test)
    curve = LearningCurve(train, test, prior, args.generations, args.points)
    for count in args.counts:
        curve.check_count(count)
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # contact fades out through numbers that cost a hundredfold
    try:
        with Progress(console=make_console(stderr=True)) as progress:
            for count in args.counts:
                task = progress.add_task(f'{count} tosses', total=args.generations)
                curve.measure(count, args.seeds, lambda n, t=task: progress.update(t, completed=n))
    finally:
        torch.set_flush_denormal(False)  # of the whole thread, which others use after us
    rows = summary(curve.points)
    make_console().print(_table(rows))
    if args.figure is not None:
        draw_curve(args.figure, rows)
    figures = {'tosses_tested': len(test), 'seeds': args.seeds, 'generations': args.generations}
    figures |= {'curve': rows, 'points': curve.points}
    write_results(args.json, figures, args)
    return 0


def _table(rows: list[dict]) -> Table:
    table = Table('tosses', 'pre-trained', *MEASURED)
    for row in rows:
        values = [f'{row[name]["mean"]:.3f} ± {row[name]["deviation"]:.3f}' for name in MEASURED]
        table.add_row(str(row['n_train']), 'yes' if row['pretrained'] else 'no', *values)
    return table
