"""`sakiyomi collect`: episodes of interaction as the fusion sees them; see docs/collect.md.

An episode that raises is left out of its shard, which notes the reason.
"""

from __future__ import annotations

import argparse
import logging
from contextlib import closing
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi_data.episodes.collection import (
    SPLITS,
    CollectionPlan,
    collect,
    missing_shards,
    open_collection,
)
from sakiyomi_data.experiments.executors import EXECUTORS
from sakiyomi_data.experiments.failures import report_failures
from sakiyomi_data.experiments.options import add_workers_argument
from sakiyomi_data.scenarios.registry import SCENARIOS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is played, with which objects, and where it goes."""
    parser.add_argument(
        '--objects', required=True, metavar='DIR[,DIR]', help='URDFs, meshes or random_urdfs'
    )
    parser.add_argument(
        '--scenarios', default=','.join(SCENARIOS), help='by turns (default: %(default)s)'
    )
    parser.add_argument('--episodes', type=int, default=1000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--split', choices=SPLITS, default='train', help='of the objects, by name')
    parser.add_argument(
        '--without', choices=('lidar',), help='a sensor that the fusion does not get'
    )
    add_workers_argument(parser)
    parser.add_argument('--executor', choices=tuple(EXECUTORS), default='local')
    parser.add_argument('--shard', type=int, default=50, help='episodes in one file')
    parser.add_argument('--out', type=Path, required=True, help='folder of the shards')


def run(args: argparse.Namespace) -> int:
    """Record what is missing; the exit status."""
    for name, least in (('episodes', 1), ('seed', 0), ('workers', 1), ('shard', 1)):
        if getattr(args, name) < least:
            raise BadInputError(f'--{name}: got {getattr(args, name)}, expected at least {least}')
    plan = CollectionPlan(
        objects=tuple(args.objects.split(',')),
        split=args.split,
        scenarios=tuple(args.scenarios.split(',')),
        seed=args.seed,
        shard_size=args.shard,
        lidar=args.without != 'lidar',
    )
    console = make_console(stderr=True)
    logging.basicConfig(level=logging.WARNING, handlers=[RichHandler(console=console)])
    open_collection(plan, args.out)
    made, failed = _collected(plan, args, console)
    report_failures('episodes', failed, made)
    return 0


def _collected(
    plan: CollectionPlan, args: argparse.Namespace, console: Console
) -> tuple[int, list[str]]:
    """How many episodes are there now, and why others are not."""
    missing = sum(job.count for job in missing_shards(plan, args.out, args.episodes))
    made, failed = args.episodes - missing, []
    executor = EXECUTORS[args.executor](args.workers)
    columns = (TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task('episodes', total=args.episodes, completed=made)
        with closing(collect(plan, args.out, args.episodes, executor)) as ended:
            for outcome in ended:
                if outcome.failed is not None:
                    failed += [outcome.failed] * outcome.job.count
                else:
                    made += outcome.result.episodes
                    failed += outcome.result.failed
                progress.update(task, completed=made + len(failed))
    return made, failed
