"""`sakiyomi evaluate ablations`: what each part of the learned world model is worth.

Every variant is trained on the same episodes with the same seed and steps, calibrated on the same
kept ones, and predicts the same objects of held-out episodes (docs/world_model.md): the error of
the centre and of the rotation since t0 after 1 s, the coverage of the 90 % ellipsoid of the
position and its negative log-likelihood as `evaluate predict` has them, and the error over that of
the full model. Without LiDAR the fusion itself sees something else, so this variant takes episodes
of the same interactions that were collected without it; then all variants are judged on what both
recordings track.
"""

from __future__ import annotations

import argparse
import logging
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.logging import RichHandler
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.episodes.shards import count_episodes
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_evaluation.ablation.figures import ratio_to_full, summarize
from sakiyomi_evaluation.ablation.plot import draw_ablations
from sakiyomi_evaluation.ablation.variant_training import VariantResult, train_and_test
from sakiyomi_evaluation.ablation.variants import FULL, NO_LIDAR, Variant, chosen_variants
from sakiyomi_evaluation.prediction.paired_episodes import read_paired_episodes, tracked_share
from sakiyomi_training.train_world_model import read_config
from sakiyomi_training.world_model.training_config import TrainingConfig

STEPS, WARM_SHARE = 1200, 0.7
NEEDS = '--data-without-lidar and --test-without-lidar'
log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    for name, text in (('data', 'to learn from'), ('test', 'to predict')):
        parser.add_argument(
            f'--{name}', type=Path, required=True, nargs='+', help=f'folders of episodes {text}'
        )
        parser.add_argument(
            f'--{name}-without-lidar', type=Path, nargs='+', help='the same, collected without it'
        )
    parser.add_argument('--variants', metavar='NAME[,NAME]', help='default: all')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder of the checkpoints; resumed from there'
    )
    parser.add_argument('--config', type=Path, help='YAML with fields of TrainingConfig')
    parser.add_argument('--steps', type=int, default=STEPS, help='of each training')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--json', metavar='FILE', help='figures, and beside it FILE.png')


def run(args: argparse.Namespace) -> int:
    """Train and test every variant, report, and return the exit status."""
    variants, base = _check(args)
    console = make_console(stderr=True)
    logging.basicConfig(
        level=logging.INFO, format='%(message)s', handlers=[RichHandler(console=console)]
    )
    left_out = {}
    if args.data_without_lidar is None and args.variants is None:
        left_out = {NO_LIDAR: NEEDS}
        log.warning('%s is left out: it needs %s', NO_LIDAR, NEEDS)
        variants = tuple(v for v in variants if v.lidar)
    measured: dict[str, VariantResult] = {}
    for _, group in groupby(variants, key=lambda v: (v.lidar, v.config(base).model.touch)):
        measured |= train_and_test(tuple(group), base, args, console)
    result = {
        'variants': _rows(measured, args),
        'left_out': left_out,
        'watched_s': 1.2,
        'training': asdict(base),
        'episodes': {
            'data': sum(count_episodes(folder) for folder in args.data),
            'test': sum(count_episodes(folder) for folder in args.test),
        },
    }
    make_console().print(_table(result['variants']))
    write_results(args.json, result, args)
    if args.json is not None:
        draw_ablations(Path(args.json).with_suffix('.png'), result['variants'])
    return 0


def _rows(
    measured: dict[str, VariantResult], args: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    full = measured.get(FULL)
    rows = {}
    for name, own in measured.items():
        tests = args.test_without_lidar if name == NO_LIDAR else args.test
        rows[name] = summarize(own.outcomes) | {
            'ratio_to_full': full and ratio_to_full(own.outcomes, full.outcomes),
            'examples': own.examples,
            'tracked_share': tracked_share(tests),
        }
    return rows


def _check(args: argparse.Namespace) -> tuple[tuple[Variant, ...], TrainingConfig]:
    """The variants and the config of the full one; what is wrong is found before any training."""
    variants = chosen_variants(args.variants)
    base = TrainingConfig(steps=args.steps, warm_steps=round(WARM_SHARE * args.steps))
    base = read_config(base, args)
    if (args.data_without_lidar is None) != (args.test_without_lidar is None):
        raise BadInputError('--data-without-lidar, --test-without-lidar: expected both or none')
    if args.data_without_lidar is None and args.variants and any(not v.lidar for v in variants):
        raise BadInputError(f'--variants: {NO_LIDAR} needs {NEEDS}')
    check_writable(args.json)
    without = [*(args.data_without_lidar or ()), *(args.test_without_lidar or ())]
    for folder in (*args.data, *args.test, *without):
        count_episodes(folder)
    for _ in read_paired_episodes(args.test, args.test_without_lidar or ()):
        pass  # of the same interactions
    return variants, base


def _table(rows: dict[str, dict[str, Any]]) -> Table:
    table = Table('variant', title='errors after 1 s: position in mm by scenario, rotation in rad')
    scenarios = list(next(iter(rows.values()))['error_mm'])
    for column in (*scenarios, 'rad', 'coverage', 'NLL', 'ratio (90 % interval)'):
        table.add_column(column, no_wrap=True)
    for name, row in rows.items():
        errors = [f'{row["error_mm"][scenario]:.1f}' for scenario in scenarios]
        ratio = row['ratio_to_full']
        label = '-'
        if ratio is not None:
            low, high = ratio['interval_90']
            label = f'{ratio["mean"]:.2f} ({low:.2f} to {high:.2f})'
        calibration = (f'{row["error_rad"]["mean"]:.2f}', f'{row["coverage_90"]:.2f}')
        table.add_row(name, *errors, *calibration, f'{row["nll"]:.2f}', label)
    return table
