"""Send picks until the table is clear or it leads nowhere, one line for each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from sakiyomi.pick_request import PickRequest

if TYPE_CHECKING:
    from sakiyomi_ros.clients.pick_client import PickClient, PickReport

ATTEMPTS_PER_OBJECT = 2
SAME_FAILURES = 2  # in a row that end it
FIRST_SIGHT_S = 8.0  # longest wait for the first objects
SETTLE_S = 1.0  # for the last object to come to rest in the bin


@dataclass(frozen=True)
class Clearing:
    """How it went."""

    reports: tuple[PickReport, ...]
    in_bin: int  # by ground truth
    wall_s: float
    ended: str


def clear_table(client: PickClient, count: int, console: Console) -> Clearing:
    """Pick any object again and again."""
    start_s = time.monotonic()
    reports: list[PickReport] = []
    ended = 'no more attempts'
    _await_objects(client)
    for number in range(1, ATTEMPTS_PER_OBJECT * count + 1):
        report = client.pick(PickRequest())
        if report.outcome == 'no_target':
            ended = 'the table is clear'
            break
        reports.append(report)
        console.print(_line(number, report))
        if _stuck(reports):
            ended = f'the same failure {SAME_FAILURES} times in a row'
            break
    client.spin(SETTLE_S)
    return Clearing(tuple(reports), count_in_bin(client), time.monotonic() - start_s, ended)


def _await_objects(client: PickClient) -> None:
    """Until the world model has looked at the table and sees something."""
    stamp_s, deadline = 0.0, time.monotonic() + FIRST_SIGHT_S
    while time.monotonic() < deadline:
        tracked = client.tracked_after(stamp_s, deadline - time.monotonic())
        if tracked is not None and tracked.ids:
            client.spin(0.5)  # the rest of them
            return
        stamp_s = tracked.stamp_s if tracked else stamp_s


def _stuck(reports: list[PickReport]) -> bool:
    last = [report.outcome for report in reports[-SAME_FAILURES:]]
    return len(last) == SAME_FAILURES and len(set(last)) == 1 and last[0] != 'success'


def _line(number: int, report: PickReport) -> str:
    colour = 'green' if report.outcome == 'success' else 'yellow'
    line = (
        f'pick {number:2d}  object {report.object_id:3d}  '
        f'predicted {report.predicted_success:4.2f}  '
        f'[{colour}]{report.outcome:<11}[/{colour}]  '
        f'plan {report.plan_s:5.2f} s  motion {report.execution_s:5.1f} s'
    )
    return line if report.outcome == 'success' else f'{line}  {escape(report.reason)}'


def count_in_bin(client: PickClient) -> int:
    """Objects in the bin by the simulation's ground truth: the score, never an input to a pick."""
    import numpy as np

    from sakiyomi.robot.robot_description import compose
    from sakiyomi_ros.clients.pick_client import true_centers
    from simulation_node.config import BIN_HEIGHT_M, BIN_LINK, BIN_SIDE_M

    truth = client.ground_truth()
    if truth is None or not truth.objects:
        return 0
    bin_m = compose().fixed_pose(BIN_LINK)[:3, 3]
    offset = np.array(true_centers(truth)) - bin_m  # (N, 3)
    inside = np.abs(offset[:, :2]).max(axis=1) < BIN_SIDE_M / 2
    inside &= (offset[:, 2] > 0.0) & (offset[:, 2] < 1.5 * BIN_HEIGHT_M)
    return int(inside.sum())
