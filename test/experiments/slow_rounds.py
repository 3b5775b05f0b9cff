"""A command whose rounds take long, for a test that interrupts it: `slow_rounds.py JSON`."""

import argparse
import sys
import tempfile
import time

from sakiyomi_cli import main as cli
from sakiyomi_data.experiments.rounds import Round, run_rounds

COUNT = 4


def make_work():
    folder = tempfile.TemporaryDirectory(prefix='slow_rounds_')

    def work(one):
        time.sleep(0.05 if one.index == 0 else 60.0)
        return folder.name

    return work


def run(options):
    args = argparse.Namespace(json=sys.argv[1], workers=2, afresh=False)
    run_rounds(make_work, [Round(index, index) for index in range(COUNT)], args)


if __name__ == '__main__':
    cli.importlib.import_module = lambda name: argparse.Namespace(
        add_arguments=lambda *_: None, run=run
    )
    sys.exit(cli.main(['sim']))
