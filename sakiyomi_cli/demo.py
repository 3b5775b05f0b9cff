"""`sakiyomi demo`: start everything, clear the table, say how it went."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING

from sakiyomi.console import make_console
from sakiyomi_bringup.description import SIM
from sakiyomi_bringup.graph_options import (
    add_graph_arguments,
    check_inputs,
    graph_values,
    log_sink,
    use_domain,
)
from sakiyomi_bringup.process_graph import ProcessGraph
from sakiyomi_bringup.ros_domain import free_domain
from sakiyomi_cli.table_clearing import ClearingResult, clear_table

if TYPE_CHECKING:
    from rich.console import Console

    from sakiyomi_ros.clients.pick_client import PickClient

START_TIMEOUT_S = 90.0
MIN_CLEARED_SHARE = 0.8  # share of the objects in the bin from which the exit status is 0


def add_arguments(parser: argparse.ArgumentParser, _: list[str]) -> None:
    """Those of the simulated graph."""
    add_graph_arguments(parser)
    parser.add_argument(
        '--keep', action='store_true', help='leave the page up until Ctrl-C when all is done'
    )


def run(options: argparse.Namespace) -> int:
    """Clear one table; 0 when at least four fifths of the objects are in the bin."""
    check_inputs(options)
    console = make_console()
    use_domain(free_domain() if options.domain_id is None else options.domain_id)
    from sakiyomi_ros.environment import prepare_environment

    prepare_environment()
    sink = log_sink(make_console(stderr=True), options.verbose)
    with ProcessGraph(SIM, graph_values(options), sink) as graph:
        from sakiyomi_ros.clients.pick_client import PickClient

        with PickClient(alive=graph.check) as client:
            status = _demonstrate(client, graph, options, console)
            if options.keep:
                console.print('done; Ctrl-C ends it')
                _until_interrupted(client)
    return status


def _demonstrate(
    client: PickClient, graph: ProcessGraph, options: argparse.Namespace, console: Console
) -> int:
    console.print(f'starting {", ".join(graph.names)} …')
    client.wait_active(graph.names, START_TIMEOUT_S)
    if options.viewer:
        console.print(f'watch at http://127.0.0.1:{options.port}')
    names = client.reset(options.objects, options.scene, options.count, options.seed)
    console.print(f'{len(names)} objects on the table, seed {options.seed}')
    clearing = clear_table(client, len(names), console)
    return _summary(clearing, len(names), console)


def _summary(clearing: ClearingResult, count: int, console: Console) -> int:
    wanted = math.ceil(MIN_CLEARED_SHARE * count)
    enough = clearing.in_bin >= wanted
    colour = 'green' if enough else 'red'
    console.print(
        f'[{colour}]{clearing.in_bin} of {count} objects are in the bin[/{colour}] after '
        f'{len(clearing.reports)} picks and {clearing.wall_s:.0f} s: {clearing.stop_reason}'
    )
    return 0 if enough else 1


def _until_interrupted(client: PickClient) -> None:
    try:
        while True:
            client.spin(1.0)
    except KeyboardInterrupt:
        return
