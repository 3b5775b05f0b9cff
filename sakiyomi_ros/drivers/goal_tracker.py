"""An action client that knows what became of the newest of its goals, and never blocks."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.task import Future

from sakiyomi.robot.drivers import FAILED, GoalReport, GoalState

ANSWER_TIMEOUT_S = 1.0
ACTIVE_STATES = (GoalState.SENT, GoalState.RUNNING)

ReadResult = Callable[[int, Any], GoalReport]


class GoalTracker:
    """Sends goals; the answers of replaced goals change nothing in the report of the newest.

    To be used in the thread that spins the client's node: rclpy loses an answer that is taken
    while its goal is still being sent.

    Attributes:
        refused_while_running: whether a goal was refused while an earlier one still ran.
    """

    def __init__(
        self,
        client: ActionClient,
        name: str,
        read_result: ReadResult,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Watch the goals of one client.

        Args:
            client: of the controller's action server.
            name: of the action, for the reasons.
            read_result: the report on a goal that has ended, from its status and result.
            clock: wall time [s].
        """
        self._client, self._name = client, name
        self._read_result, self._clock = read_result, clock
        self.refused_while_running = False
        self._report = GoalReport()
        self._number = 0
        self._sent_at_s = 0.0
        self._active_goals: dict[int, Any] = {}  # handles of accepted goals by their number
        self._cancel_on_accept: set[int] = set()  # goals to cancel as soon as they are accepted

    @property
    def server_is_ready(self) -> bool:
        """Whether an action server of that name has been discovered."""
        return self._client.server_is_ready()

    def send(self, goal: Any) -> None:
        """Send a goal; it replaces those before it where the server lets it.

        A goal is never kept for a server that comes later: its start would be past.
        """
        self._number += 1
        self._sent_at_s = self._clock()
        if not self.server_is_ready:
            self._end(GoalState.REFUSED, 'no action server answers')
            return
        self._report = GoalReport(GoalState.SENT)
        future = self._client.send_goal_async(goal)
        future.add_done_callback(partial(self._on_answer, self._number))

    def cancel(self) -> bool:
        """Ask the server to cancel every goal that is under way; False where no server answers."""
        if not self.server_is_ready:
            return False
        if self._report.state is GoalState.SENT:
            self._cancel_on_accept.add(self._number)
        for handle in self._active_goals.values():
            handle.cancel_goal_async()
        return True

    def report(self) -> GoalReport:
        """What became of the newest goal so far."""
        state = self._report.state
        if state in ACTIVE_STATES and not self.server_is_ready:
            self._end(GoalState.ABORTED, 'the action server is gone')
        elif state is GoalState.SENT and self._clock() - self._sent_at_s > ANSWER_TIMEOUT_S:
            self._cancel_on_accept.add(self._number)
            self._end(GoalState.REFUSED, f'no answer to the goal within {ANSWER_TIMEOUT_S:g} s')
        return self._report

    def _end(self, state: GoalState, words: str) -> None:
        self._report = GoalReport(state, f'{self._name}: {words}')

    def _on_answer(self, number: int, future: Future) -> None:
        handle = future.result()
        if handle.accepted:
            self._active_goals[number] = handle
            result = handle.get_result_async()
            result.add_done_callback(partial(self._on_result, number))
        if number in self._cancel_on_accept:
            self._cancel_on_accept.discard(number)
            self._cancel_late(handle)
        if number != self._number or self._report.state is not GoalState.SENT:
            return
        if handle.accepted:
            self._report = GoalReport(GoalState.RUNNING)
        else:
            self._refused(number, 'the controller did not accept the goal')

    def _cancel_late(self, handle: Any) -> None:
        if handle.accepted:
            handle.cancel_goal_async()

    def _on_result(self, number: int, future: Future) -> None:
        self._active_goals.pop(number, None)
        answer = future.result()
        report = self._read_result(answer.status, answer.result)
        if number != self._number or self._report.state is not GoalState.RUNNING:
            return
        if report.state is GoalState.REFUSED and 'INVALID_GOAL' in report.reason:
            self._refused(number, report.reason)
        elif report.state in FAILED:
            self._end(report.state, report.reason)
        else:
            self._report = report

    def _refused(self, number: int, words: str) -> None:
        if any(earlier < number for earlier in self._active_goals):
            self.refused_while_running = True
            words += ', while an earlier one ran'
        self._end(GoalState.REFUSED, words)


def goal_state_of(status: int) -> GoalState:
    """The state of a goal by the status with which its result came."""
    return {
        GoalStatus.STATUS_SUCCEEDED: GoalState.SUCCEEDED,
        GoalStatus.STATUS_CANCELED: GoalState.CANCELLED,
    }.get(status, GoalState.ABORTED)
