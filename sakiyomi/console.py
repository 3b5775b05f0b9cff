"""Where the command line writes: colours and tables on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape

PLAIN_WIDTH = 160  # of a pipe or file, so that no line is broken


def make_console(stderr: bool = False) -> Console:
    """A console on standard output or error as it is now."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, highlight=False, soft_wrap=True)


def print_error(line: str) -> None:
    """One line on standard error."""
    make_console(stderr=True).print(f'[red]{escape(" ".join(line.split()))}[/red]')
