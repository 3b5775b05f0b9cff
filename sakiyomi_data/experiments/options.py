"""The options that every command with rounds has."""

from __future__ import annotations

import argparse
from pathlib import Path

from sakiyomi.errors import BadInputError

JOURNAL_HELP = 'write the figures here; until then each finished round goes to FILE.partial.jsonl'


def add_run_arguments(parser: argparse.ArgumentParser, strips: str | None = None) -> None:
    """`--workers`, `--afresh`, and `--strips` where there is something to draw.

    Args:
        parser: of the command.
        strips: what `--strips` draws; None: nothing.
    """
    add_workers_argument(parser)
    parser.add_argument(
        '--afresh',
        action='store_true',
        help='begin again, where an interrupted run with the same --json would go on',
    )
    if strips is not None:
        parser.add_argument('--strips', type=Path, metavar='DIR', help=f'draw there {strips}')


def add_workers_argument(parser: argparse.ArgumentParser) -> None:
    """`--workers`."""
    parser.add_argument(
        '--workers', type=int, default=1, metavar='N', help='processes; the results are the same'
    )


def check_run_arguments(args: argparse.Namespace) -> None:
    """Make the folder of the strips.

    Raises:
        BadInputError: no worker, or a folder that cannot be made.
    """
    if args.workers < 1:
        raise BadInputError(f'--workers: got {args.workers}, expected at least 1')
    strips = getattr(args, 'strips', None)
    if strips is None:
        return
    try:
        strips.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f'--strips {strips}: {error.strerror}, expected a folder') from error
