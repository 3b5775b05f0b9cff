"""The command line: `sakiyomi COMMAND`.

Exit status: 0 done, 1 the work failed, 2 bad usage or bad input with one line on stderr.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from typing import NoReturn

from sakiyomi import __version__
from sakiyomi.console import print_error
from sakiyomi.errors import BadInputError, SakiyomiError

DONE, FAILED, BAD_USAGE = 0, 1, 2

COMMANDS = {
    'demo': 'clear a simulated table, with the browser page',
    'sim': 'run the simulated work cell and everything on it until Ctrl-C',
    'pick': 'send one pick to a running graph',
    'perceive': 'find the objects in pictures, a point cloud or a recording',
    'doctor': 'what is installed, what answers, what is wrong and how to mend it',
    'collect': 'make training data in simulation',
    'train': 'train a network',
    'finetune': 'go on training the world model with recordings of your own',
    'export': 'the graphs of the world model for an engine',
    'evaluate': 'measure the stack',
}


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with status 2."""
        print_error(f'{self.prog}: {message}')
        raise SystemExit(BAD_USAGE)


def main(args: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    args = sys.argv[1:] if args is None else args
    signal.signal(signal.SIGTERM, _terminate)
    try:
        options = _parser(args).parse_args(args)
        return importlib.import_module(f'sakiyomi_cli.{options.command}').run(options)
    except BadInputError as error:
        print_error(f'sakiyomi: {error}')
        return BAD_USAGE
    except SakiyomiError as error:
        print_error(f'sakiyomi: {error}')
        return FAILED
    except KeyboardInterrupt as stop:
        print_error(': '.join(['sakiyomi: interrupted', *map(str, stop.args)]))
        return FAILED


def _parser(args: list[str]) -> Parser:
    """Knows every command, and the arguments of the one that is asked for."""
    parser = Parser(prog='sakiyomi', description='Perceive, imagine, grasp.')
    parser.add_argument('--version', action='version', version=f'sakiyomi {__version__}')
    commands = parser.add_subparsers(
        dest='command', metavar='COMMAND', required=True, parser_class=Parser
    )
    asked = next((arg for arg in args if not arg.startswith('-')), None)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=f'{summary.capitalize()}.')
        if name == asked:
            importlib.import_module(f'sakiyomi_cli.{name}').add_arguments(command, args)
    return parser


def _terminate(*_: object) -> NoReturn:
    # as Ctrl-C: whatever was started is stopped on the way out
    raise KeyboardInterrupt
