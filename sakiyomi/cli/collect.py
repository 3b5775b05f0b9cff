"""`sakiyomi collect NAME`: make training data in simulation; resumes where it was interrupted."""

from __future__ import annotations

import argparse
import importlib

COLLECTIONS = {'segmentation': 'labelled views of packed scenes and of piles'}


def add_arguments(parser: argparse.ArgumentParser, args: list[str]) -> None:
    """Every collection by name; the arguments of the one that is asked for."""
    names = parser.add_subparsers(dest='collection', metavar='NAME', required=True)
    for name, summary in COLLECTIONS.items():
        collection = names.add_parser(name, help=summary, description=f'{summary.capitalize()}.')
        if name in args:
            importlib.import_module(f'sakiyomi_training.collect_{name}').add_arguments(collection)


def run(options: argparse.Namespace) -> int:
    """Collect; the exit status."""
    return importlib.import_module(f'sakiyomi_training.collect_{options.collection}').run(options)
