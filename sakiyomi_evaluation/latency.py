"""`sakiyomi evaluate latency`: how fast the running graph is, idle and while the arm picks.

Two phases: `idle`, without the browser page and with the arm at rest, and `load`, with every node,
every sensor at its rate, the arm picking and the page open in a headless browser where one is
installed. Loss is counted by a subscriber of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import psutil
from rich.markup import escape
from rich.table import Table

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.pick_request import PickRequest
from sakiyomi_bringup.description import SIM
from sakiyomi_bringup.graph_options import check_inputs, log_sink, use_domain
from sakiyomi_bringup.process_graph import ProcessGraph
from sakiyomi_bringup.ros_domain import free_domain
from sakiyomi_data.results import check_writable, write_results
from sakiyomi_evaluation.speed.browser import find_browser, page_opened

if TYPE_CHECKING:
    from sakiyomi_ros.clients.pick_client import PickClient, PickReport

START_TIMEOUT_S = 90.0
WARM_UP_S = 3.0
WATCHED_WARM_UP_S = 10.0  # a browser starts
MAX_SECONDS = 3600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The public contract of this command."""
    parser.add_argument('--seconds', type=float, default=20.0, help='length of each phase [s]')
    parser.add_argument('--objects', default='random_urdfs', help='folder of URDFs or meshes')
    parser.add_argument('--count', type=int, default=5, help='objects on the table')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--port', type=int, default=8080, help='port of the browser page')
    parser.add_argument('--json', metavar='FILE', help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Measure both phases; 0 when predictions came and nothing was lost."""
    _check(args)
    use_domain(free_domain())
    from sakiyomi_ros.environment import prepare_environment

    prepare_environment()
    if find_browser() is None:
        make_console(stderr=True).print('no browser is installed: the page stays closed')
    phases = {'idle': _phase(args, _rest, viewer=False), 'load': _phase(args, _picks, viewer=True)}
    make_console().print(_table(phases))
    write_results(args.json, phases, args)
    good = all(p['frames_predicted_from'] and not p['messages_lost'] for p in phases.values())
    return 0 if good else 1


def _check(args: argparse.Namespace) -> None:
    if not 1.0 <= args.seconds <= MAX_SECONDS:
        raise BadInputError(f'--seconds: got {args.seconds}, expected 1 to {MAX_SECONDS:.0f}')
    check_writable(args.json)
    check_inputs(argparse.Namespace(**vars(args), viewer=True, domain_id=None))


def _phase(args: argparse.Namespace, act: Callable, viewer: bool) -> dict[str, Any]:
    """Start the graph, let `act` keep it busy for the time, and take the figures."""
    from sakiyomi_evaluation.speed.latency_figures import percentiles, summary

    values = {name: getattr(args, name) for name in ('objects', 'count', 'seed', 'port')}
    sink = log_sink(make_console(stderr=True), verbose=False)
    with ProcessGraph(SIM, {**values, 'viewer': viewer}, sink) as graph:
        with _observed(graph) as (client, recorder), ExitStack() as looks:
            client.wait_active(graph.names, START_TIMEOUT_S)
            url = f'http://127.0.0.1:{args.port}'
            watched = viewer and looks.enter_context(page_opened(url))
            client.spin(WATCHED_WARM_UP_S if watched else WARM_UP_S)
            recorder.restart()
            cpu = CpuMeter(graph.pids)
            reports = act(client, args.seconds)
            figures = summary(recorder.recording)
            figures['cpu_percent'] = cpu.percent()
        codes = graph.stop()
    figures['page_open'] = watched
    figures['picks'] = [vars(report) for report in reports]
    figures['plan_s'] = percentiles([report.plan_s for report in reports])
    figures['exit_codes'] = codes
    return figures


@contextmanager
def _observed(graph: ProcessGraph) -> Iterator[tuple[Any, Any]]:
    from sakiyomi_ros.clients.observed_topics import OBSERVED
    from sakiyomi_ros.clients.pick_client import PickClient
    from sakiyomi_ros.clients.stamp_recorder import StampRecorder

    with PickClient(alive=graph.check) as client, StampRecorder(OBSERVED) as recorder:
        yield client, recorder


def _rest(client: PickClient, seconds: float) -> list[PickReport]:
    client.spin(seconds)
    return []


def _picks(client: PickClient, seconds: float) -> list[PickReport]:
    """Pick until the time is up, at least once; a table without a target rests."""
    reports: list[PickReport] = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        report = client.pick(PickRequest())
        if report.outcome == 'no_target':
            client.spin(max(deadline - time.monotonic(), 0.0))
            break
        reports.append(report)
    return reports


class CpuMeter:
    """CPU time of each process since it was made, in percent of one core."""

    def __init__(self, pids: Mapping[str, int]):
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._start_s = time.monotonic()
        self._used_s = self._used()

    def percent(self) -> dict[str, float]:
        """By node, and all together."""
        elapsed_s = time.monotonic() - self._start_s
        used_s = self._used()
        figures = {
            name: round(100.0 * (used_s[name] - self._used_s[name]) / elapsed_s, 1)
            for name in used_s
        }
        return {**figures, 'total': round(sum(figures.values()), 1)}

    def _used(self) -> dict[str, float]:
        times = {name: process.cpu_times() for name, process in self._processes.items()}
        return {name: t.user + t.system for name, t in times.items()}


def _table(phases: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table('', *phases, title='latency')
    for label, key in (
        ('sensor to prediction p50 [ms]', ('sensor_to_prediction_ms', 'p50')),
        ('sensor to prediction p99 [ms]', ('sensor_to_prediction_ms', 'p99')),
        ('plan p50 [s]', ('plan_s', 'p50')),
        ('plan p99 [s]', ('plan_s', 'p99')),
    ):
        table.add_row(escape(label), *(_cell(p[key[0]][key[1]]) for p in phases.values()))
    table.add_row('frames', *(str(p['frames']) for p in phases.values()))
    table.add_row('frames left out', *(str(p['frames_left_out']) for p in phases.values()))
    table.add_row('pace of time', *(_cell(p['pace']) for p in phases.values()))
    table.add_row('messages lost', *(str(p['messages_lost']) for p in phases.values()))
    nodes = dict.fromkeys(n for p in phases.values() for n in p['cpu_percent'])
    for node in sorted(nodes, key=lambda name: name == 'total'):
        row = (_cell(p['cpu_percent'].get(node)) for p in phases.values())
        table.add_row(f'CPU {node}, % of a core', *row)
    return table


def _cell(value: float | None) -> str:
    return '-' if value is None else f'{value:g}'
