"""`sakiyomi finetune`: the shipped world model goes on learning from a user's own recordings."""

from __future__ import annotations

import argparse

EXAMPLES = """for example:
  sakiyomi finetune --data tosses.npz --out tuned
  sakiyomi finetune --data monday.mcap tuesday.mcap --test friday.mcap --out tuned
"""


def add_arguments(parser: argparse.ArgumentParser, _: list[str]) -> None:
    """What is learned from, the model to start from, and where it goes."""
    from sakiyomi_training.finetune_world_model import add_arguments as add_training

    parser.epilog = EXAMPLES
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_training(parser)


def run(options: argparse.Namespace) -> int:
    """Train; the exit status."""
    from sakiyomi_training.finetune_world_model import run as finetune

    return finetune(options)
