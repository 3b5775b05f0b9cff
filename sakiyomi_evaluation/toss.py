"""`sakiyomi evaluate toss`: fit the world model to real tosses of a cube, test it on others.

Each test toss is predicted from its first frame alone, open loop. Errors are averaged over the
first 80 frames and over the whole toss, then over tosses, as by Pfrommer, Halm and Posa
(ContactNets, CoRL 2020). The parameters are fitted on four fifths of the training tosses; all of
them calibrate the 90 % radius: a fifth alone differs too much from the next.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.progress import Progress
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_data.tosses.cube_model import NAMES
from sakiyomi_data.tosses.errors import PathErrors, path_errors
from sakiyomi_data.tosses.fit import TossFit, TossPredictor
from sakiyomi_data.tosses.prior import HAND_SET, TossPrior, read_prior
from sakiyomi_data.tosses.recordings import Tosses, read_tosses
from sakiyomi_evaluation.tosses import mujoco_cube
from sakiyomi_evaluation.tosses.dataset_split import check_rates, split_tosses, subset
from sakiyomi_evaluation.tosses.error_plot import draw_errors

GENERATIONS = 40
COLUMNS = ('mm_80', 'rad_80', 'mm_full', 'rad_full')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument('--train', type=Path, required=True, metavar='NPZ', help='to fit')
    parser.add_argument('--test', type=Path, required=True, metavar='NPZ', help='to predict')
    parser.add_argument('--pretrained', type=Path, metavar='FILE', help='a learned prior')
    parser.add_argument('--n-train', type=int, metavar='K', help='use K training tosses; all')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--generations', type=int, default=GENERATIONS, help='of the search')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--checkpoint', type=Path, metavar='FILE', help='resume from here')
    parser.add_argument('--figure', type=Path, metavar='PNG', help='errors over time')
    parser.add_argument('--json', metavar='FILE', help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Fit, predict, report, and return the exit status."""
    check_writable(args.json)
    for flag in ('figure', 'checkpoint'):
        check_folder(flag, getattr(args, flag))
    check_search(args.generations, args.threads)
    prior = HAND_SET if args.pretrained is None else read_prior(args.pretrained)
    train, test = read_tosses(args.train), read_tosses(args.test, min_tosses=1)
    check_rates(train, args.train, test, args.test)
    train = subset(train, args.n_train, args.seed, '--n-train')
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # contact fades out through numbers that cost a hundredfold
    try:
        _run(args, prior, train, test)
    finally:
        torch.set_flush_denormal(False)  # of the whole thread, which others use after us
    return 0


def _run(args: argparse.Namespace, prior: TossPrior, train: Tosses, test: Tosses) -> None:
    fitted, kept = split_tosses(train, args.seed)
    console = make_console(stderr=True)
    start = time.monotonic()
    with Progress(console=console) as progress:
        fit = TossFit(fitted, args.generations, args.seed, prior)
        fit.run(args.checkpoint, _bar(progress, 'fit', args.generations))
        seconds = time.monotonic() - start
        predictor = TossPredictor(fit)
        predictor.calibrate(train)
        held_out = path_errors(predictor.predict(kept)[0], kept).figures()
        median_paths, distance, angle = predictor.predict(test)
        errors = path_errors(median_paths, test)
        baselines, baseline_errors = _baselines(fit, fitted, test, progress)
    figures = errors.figures() | predictor.coverage(errors, distance, angle)
    figures |= {
        'n_train': len(train),
        'tosses_fitted': len(fitted),
        'tosses_kept': len(kept),
        'tosses_tested': len(test),
        'kept_figures': held_out,
        'fit_seconds': seconds,
        'parameters': dict(zip(NAMES, fit.parameters, strict=True)),
        'baselines': baselines,
    }
    make_console().print(_table(figures))
    if args.figure is not None:
        draw_errors(args.figure, {'world model': errors} | baseline_errors, test.rate_hz)
    write_results(args.json, figures, args)


def check_search(generations: int, threads: int) -> None:
    """Refuse a search that could not run.

    Raises:
        BadInputError: less than one generation or thread.
    """
    if generations < 1 or threads < 1:
        got = f'{generations} and {threads}'
        raise BadInputError(f'--generations and --threads: got {got}, expected 1 or more')


def check_folder(flag: str, path: Path | None) -> None:
    """Before long work: whether a file can be made there."""
    if path is not None and not path.resolve().parent.is_dir():
        raise BadInputError(f'--{flag} {path}: got no folder {path.parent}, expected one')


def _bar(progress: Progress, name: str, total: int) -> Callable[[int], None]:
    task = progress.add_task(name, total=total)
    return lambda done: progress.update(task, completed=done)


def _baselines(
    fit: TossFit, fitted: Tosses, test: Tosses, progress: Progress
) -> tuple[dict, dict[str, PathErrors]]:
    """The step as it was before the search, and MuJoCo where it is installed."""
    before = path_errors(fit.model.roll_out(fit.start[None], test), test)
    point = path_errors(fit.model.roll_out(fit.parameters[None], test), test)
    figures = {'before_the_search': before.figures(), 'without_samples': point.figures()}
    if not mujoco_cube.available():
        figures['mujoco'] = 'not run: mujoco is not installed'
        return figures, {}
    bar = _bar(progress, 'MuJoCo', mujoco_cube.GENERATIONS)
    width = fit.flight.width_m
    parameters = mujoco_cube.fit_mujoco(fitted, width, fit.seed, bar)
    errors = path_errors(mujoco_cube.roll_out(parameters, test, width), test)
    names = ('friction', 'log_time_constant', 'log_damping_ratio', 'impedance')
    fitted_to = min(len(fitted), mujoco_cube.FITTED_TOSSES)
    figures['mujoco'] = errors.figures() | {
        'tosses_fitted': fitted_to,
        'parameters': dict(zip(names, parameters, strict=True)),
    }
    return figures, {'MuJoCo': errors}


def _table(figures: dict) -> Table:
    table = Table('model', *COLUMNS, 'coverage')
    covered = f'{figures["coverage_position"]:.2f} / {figures["coverage_rotation"]:.2f}'
    rows = {'world model': figures} | figures['baselines']
    for name, row in rows.items():
        values = [f'{row[c]:.3f}' for c in COLUMNS] if isinstance(row, dict) else [row, '', '', '']
        table.add_row(name, *values, covered if row is figures else '')
    return table
