"""What the commands that start a graph have in common."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape

from sakiyomi.errors import BadInputError
from sakiyomi_bringup.description import SIM, Argument
from sakiyomi_bringup.ros_domain import DOMAINS

MAX_DOMAIN = 232
_SEVERE = re.compile(r'\[(WARN|ERROR|FATAL)\]|Traceback|^\w*(Error|Exception)\b')


def add_graph_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the simulated graph, and the domain."""
    for argument in SIM.arguments:
        if isinstance(argument.default, bool):
            parser.add_argument(
                f'--{_flag(argument)}',
                action=argparse.BooleanOptionalAction,
                default=argument.default,
                help=argument.description,
            )
        else:
            parser.add_argument(
                f'--{_flag(argument)}',
                type=type(argument.default),
                choices=argument.choices or None,
                default=argument.default,
                metavar=argument.name.upper() if not argument.choices else None,
                help=f'{argument.description} (default: {argument.default or "none"})',
            )
    parser.add_argument(
        '--domain-id',
        type=int,
        help=f'ROS domain, {DOMAINS.start} to {MAX_DOMAIN}',
    )
    parser.add_argument('--verbose', action='store_true', help='show everything that nodes log')


def graph_values(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments for the graph."""
    return {a.name: getattr(options, a.name) for a in SIM.arguments}


def check_inputs(options: argparse.Namespace) -> None:
    """Before anything is started.

    Raises:
        BadInputError: a folder without objects, a taken port, a negative seed or count.
    """
    from simulation_node.objects.object_files import object_files

    for name in ('seed', 'count'):
        if getattr(options, name) < 0:
            raise BadInputError(f'--{name}: got {getattr(options, name)}, expected 0 or more')
    domain = options.domain_id
    if domain is not None and not 0 <= domain <= MAX_DOMAIN:
        raise BadInputError(f'--domain-id: got {domain}, expected 0 to {MAX_DOMAIN}')
    object_files(options.objects)
    if options.viewer:
        _check_port(options.port)


def _check_port(port: int) -> None:
    from viewer_node.port import require_free_port

    if not 1 <= port <= 65535:
        raise BadInputError(f'--port: got {port}, expected 1 to 65535')
    try:
        require_free_port('127.0.0.1', port)
    except BadInputError as error:
        raise BadInputError(
            f'port {port} on 127.0.0.1 cannot be used, it is taken or not allowed: choose another '
            f'one with --port, for example --port {8081 if port == 8080 else 8080}'
        ) from error


def use_domain(domain: int) -> None:
    """Put this process, and so those that it starts, into a ROS domain."""
    os.environ['ROS_DOMAIN_ID'] = str(domain)


def log_sink(console: Console, verbose: bool) -> Callable[[str, str], None]:
    """Writes what the nodes say; only warnings and worse unless verbose."""

    def write(node: str, line: str) -> None:
        if verbose or _SEVERE.search(line):
            console.print(f'[dim]{escape(f"[{node}]")}[/dim] {escape(line)}')

    return write


def _flag(argument: Argument) -> str:
    return argument.name.replace('_', '-')
