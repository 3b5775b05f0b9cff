"""`sakiyomi collect [NAME]`: make training data in simulation; resumes where it was interrupted.

Without a name: episodes of interaction, which the dynamics are learned from.
"""

from __future__ import annotations

import argparse
import importlib

INTERACTIONS = 'interactions'
COLLECTIONS = {
    INTERACTIONS: 'episodes of pushing, sliding, falling and lifting (without a name: these)',
    'segmentation': 'labelled views of packed scenes and of piles',
    'trials': 'candidate pushes and grasps of tracked objects, and the true outcome of each',
}


def add_arguments(parser: argparse.ArgumentParser, args: list[str]) -> None:
    """The arguments of the collection that is asked for; of interactions where none is named."""
    named = args[args.index('collect') + 1 :][:1]
    if named and named[0].startswith('--') and named[0] != '--help':
        parser.set_defaults(collection=INTERACTIONS)
        _module(INTERACTIONS).add_arguments(parser)
        return
    names = parser.add_subparsers(dest='collection', metavar='NAME', required=True)
    for name, summary in COLLECTIONS.items():
        collection = names.add_parser(name, help=summary, description=f'{summary.capitalize()}.')
        if name in named:
            _module(name).add_arguments(collection)


def run(options: argparse.Namespace) -> int:
    """Collect; the exit status."""
    try:
        return _module(options.collection).run(options)
    except KeyboardInterrupt as stop:
        message = 'what is finished is kept; the same command goes on'
        raise KeyboardInterrupt(message) from stop


def _module(name: str) -> object:
    return importlib.import_module(f'sakiyomi_data.collect_{name}')
