"""`sakiyomi sim`: the simulated graph until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import time

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

CHECK_PERIOD_S = 0.5


def add_arguments(parser: argparse.ArgumentParser, _: list[str]) -> None:
    """Those of the simulated graph."""
    add_graph_arguments(parser)


def run(options: argparse.Namespace) -> int:
    """Stay up; 0 on Ctrl-C when every node then ended with 0."""
    check_inputs(options)
    console = make_console()
    if options.domain_id is not None:
        use_domain(options.domain_id)
    sink = log_sink(make_console(stderr=True), options.verbose)
    with ProcessGraph(SIM, graph_values(options), sink) as graph:
        console.print(f'{", ".join(graph.names)} in ROS domain {_domain()}; Ctrl-C ends it')
        if options.viewer:
            console.print(f'watch at http://127.0.0.1:{options.port}')
        try:
            while True:
                time.sleep(CHECK_PERIOD_S)
                graph.check()
        except KeyboardInterrupt:
            codes = graph.stop()
    return 1 if any(codes.values()) else 0


def _domain() -> str:
    return os.environ.get('ROS_DOMAIN_ID', '0')
