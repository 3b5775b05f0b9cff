"""Send picks until the table is clear or it leads nowhere, one line for each."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from sakiyomi.errors import WorkFailedError
from sakiyomi.pick_request import PickRequest

if TYPE_CHECKING:
    from sakiyomi_ros.clients.pick_client import PickClient, PickReport

MAX_ATTEMPTS_PER_OBJECT = 2
MAX_EQUAL_FAILURES = 2  # equal failures in a row that end the clearing
RETRIED_OUTCOMES = (
    'stale_input',
    'stopped',
    'rejected',
)  # outcomes after which the pick is tried again
FIRST_SCENE_TIMEOUT_S = 8.0  # longest wait for the first objects
RETRY_TIMEOUT_S = 120.0  # longest time without a pick that could start
RETRY_S = 0.5
SETTLE_S = 1.0  # time in which the last object comes to rest in the bin


@dataclass(frozen=True)
class ClearingResult:
    """How it went."""

    reports: tuple[PickReport, ...]
    in_bin: int  # by ground truth
    wall_s: float
    stop_reason: str


def clear_table(client: PickClient, count: int, console: Console) -> ClearingResult:
    """Pick any object again and again.

    Raises:
        WorkFailedError: for too long, no pick could be carried out, whatever the object.
    """
    start_s = time.monotonic()
    reports: list[PickReport] = []
    _await_objects(client)
    stop_reason = ''
    while not stop_reason:
        report = _pick_with_retries(client, console)
        if report.outcome == 'no_target':
            stop_reason = 'the table is clear'
            break
        reports.append(report)
        console.print(_line(len(reports), report))
        stop_reason = _stop_reason(reports, MAX_ATTEMPTS_PER_OBJECT * count)
    client.spin(SETTLE_S)
    return ClearingResult(
        tuple(reports), count_in_bin(client), time.monotonic() - start_s, stop_reason
    )


def _pick_with_retries(client: PickClient, console: Console) -> PickReport:
    """The first pick that ends by what happened to an object; what ends otherwise is repeated."""
    deadline = time.monotonic() + RETRY_TIMEOUT_S
    report = client.pick(PickRequest())
    while report.outcome in RETRIED_OUTCOMES:
        console.print(f'pick again: {report.outcome}, {escape(report.reason)}')
        if not _await_usable_scene(client, deadline):
            raise WorkFailedError(
                f'no pick within {RETRY_TIMEOUT_S:.0f} s: {report.outcome}, {report.reason}'
            )
        report = client.pick(PickRequest())
    return report


def _await_usable_scene(client: PickClient, deadline: float) -> bool:
    """Whether the world model reports a scene of fresh data before the deadline."""
    client.spin(RETRY_S)
    while (left_s := deadline - time.monotonic()) > 0.0:
        tracked = client.next_tracked(left_s)
        if tracked is not None and tracked.usable:
            return True
    return False


def _stop_reason(reports: list[PickReport], attempts: int) -> str:
    """Why no further object is picked; empty to go on."""
    last = [report.outcome for report in reports[-MAX_EQUAL_FAILURES:]]
    if len(last) == MAX_EQUAL_FAILURES and len(set(last)) == 1 and last[0] != 'success':
        return f'{last[0]} {MAX_EQUAL_FAILURES} times in a row: {reports[-1].reason}'
    return 'no more attempts' if len(reports) >= attempts else ''


def _await_objects(client: PickClient) -> None:
    """Wait until the world model has a scene with objects."""
    stamp_s, deadline = 0.0, time.monotonic() + FIRST_SCENE_TIMEOUT_S
    while time.monotonic() < deadline:
        tracked = client.tracked_after(stamp_s, deadline - time.monotonic())
        if tracked is not None and tracked.ids:
            client.spin(0.5)  # the rest of them
            return
        stamp_s = tracked.stamp_s if tracked else stamp_s


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
