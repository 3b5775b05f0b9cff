"""`sakiyomi pick`: one pick in a running graph."""

from __future__ import annotations

import argparse
import math

import numpy as np
from rich.markup import escape

from sakiyomi.console import make_console
from sakiyomi.errors import BadInputError
from sakiyomi.pick_request import PickRequest
from sakiyomi_bringup.graph_options import use_domain


def add_arguments(parser: argparse.ArgumentParser, _: list[str]) -> None:
    """The target, the force and the domain."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument('--id', type=int, help='the tracked object of this id')
    target.add_argument(
        '--point',
        type=float,
        nargs=3,
        metavar=('X', 'Y', 'Z'),
        help='the object nearest to this point of the world frame [m]',
    )
    parser.add_argument('--force', type=float, default=0.0, help='grip force limit [N]')
    parser.add_argument('--domain-id', type=int, help='ROS domain of the graph')


def run(options: argparse.Namespace) -> int:
    """0 when the pick succeeds."""
    _check(options)
    if options.domain_id is not None:
        use_domain(options.domain_id)
    console = make_console()
    from sakiyomi_ros.environment import prepare_environment

    prepare_environment()
    from sakiyomi_ros.clients.pick_client import PickClient

    with PickClient() as client:
        report = client.pick(
            _request(options), lambda feedback: console.print(f'{feedback.phase} …')
        )
    console.print(
        f'object {report.object_id}  predicted {report.predicted_success:.2f}  {report.outcome}  '
        f'plan {report.plan_s:.2f} s  motion {report.execution_s:.1f} s  {escape(report.reason)}'
    )
    return 0 if report.outcome == 'success' else 1


def _check(options: argparse.Namespace) -> None:
    if options.id is not None and not 0 <= options.id < 2**32:
        raise BadInputError(f'--id: got {options.id}, expected 0 to {2**32 - 1}')
    if options.point is not None and not all(map(math.isfinite, options.point)):
        raise BadInputError(f'--point: got {options.point}, expected finite numbers')
    if not 0.0 <= options.force < math.inf:
        raise BadInputError(f'--force: got {options.force}, expected 0 or more')


def _request(options: argparse.Namespace) -> PickRequest:
    if options.id is not None:
        return PickRequest('id', object_id=options.id, force_limit_n=options.force)
    if options.point is not None:
        return PickRequest('point', point_m=np.array(options.point), force_limit_n=options.force)
    return PickRequest(force_limit_n=options.force)
