"""`sakiyomi train NAME`: train a network; resumes from its checkpoint."""

from __future__ import annotations

import argparse
import importlib

TRAININGS = {
    'hold': 'what a closing hand will hold, from grasps that were tried',
    'segmentation': 'which parts of a cloud are of one object',
    'toss_prior': 'what a tossed cube may be like, from simulated ones; for evaluate toss',
    'world_model': 'what objects will do, from episodes',
}


def add_arguments(parser: argparse.ArgumentParser, args: list[str]) -> None:
    """Every training by name; the arguments of the one that is asked for."""
    names = parser.add_subparsers(dest='training', metavar='NAME', required=True)
    for name, summary in TRAININGS.items():
        training = names.add_parser(name, help=summary, description=f'{summary.capitalize()}.')
        if name in args:
            importlib.import_module(f'sakiyomi_training.train_{name}').add_arguments(training)


def run(options: argparse.Namespace) -> int:
    """Train; the exit status."""
    return importlib.import_module(f'sakiyomi_training.train_{options.training}').run(options)
