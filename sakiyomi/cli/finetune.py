"""`sakiyomi finetune`: the shipped world model goes on learning from a user's own episodes."""

from __future__ import annotations

import argparse
from pathlib import Path

from sakiyomi.paths import share_dir

STEPS, WARM_STEPS, LEARNING_RATE = 400, 200, 2e-4  # few and small: it must not forget


def add_arguments(parser: argparse.ArgumentParser, args: list[str]) -> None:
    """Those of `train world_model`, and the model to start from."""
    from sakiyomi_training.train_world_model import add_arguments as add_training

    parser.add_argument(
        '--from', dest='start', type=Path, help='folder of the model; default: the shipped one'
    )
    add_training(parser)
    parser.set_defaults(
        changes={'steps': STEPS, 'warm_steps': WARM_STEPS, 'learning_rate': LEARNING_RATE}
    )


def run(options: argparse.Namespace) -> int:
    """Train; the exit status."""
    from sakiyomi_training.train_world_model import run as train

    return train(options, options.start or share_dir('models'))
