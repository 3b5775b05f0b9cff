"""A plain client of a running graph: wait for its nodes, lay a scene, send picks, read results.

Everything is synchronous: each call spins the client's own executor until its answer is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import rclpy
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.action import ActionClient
from rclpy.client import Client
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from sakiyomi.errors import WorkFailedError
from sakiyomi.pick_request import PickRequest
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.msg import ObjectStateArray
from sakiyomi_interfaces.srv import ResetScene
from sakiyomi_ros.messages.conversions import from_pose, from_stamp, header, to_point, to_pose
from sakiyomi_ros.qos import topic_qos

POLL_PERIOD_S = 0.2
SERVER_TIMEOUT_S = 10.0
PICK_TIMEOUT_S = 180.0
OUTCOMES = {
    getattr(Pick.Result, name): name.lower()
    for name in dir(type(Pick.Result))
    if name[0].isupper()
}


@dataclass(frozen=True)
class PickReport:
    """How one pick ended."""

    outcome: str
    reason: str
    object_id: int
    predicted_success: float
    plan_s: float
    execution_s: float


@dataclass(frozen=True)
class TrackedObjects:
    """What the world model tracks at one instant."""

    stamp_s: float
    ids: tuple[int, ...]
    stale: frozenset[str] = frozenset()  # the modalities without fresh data

    @property
    def usable(self) -> bool:
        """Whether a pick can be planned by it: joints, and a range sensor, are fresh."""
        return 'joints' not in self.stale and not {'camera', 'lidar'} <= self.stale


class PickClient:
    """One node in the domain that the environment names. Use it as a context manager.

    Args:
        alive: called between waits; it may raise to give up (a dead process, say).
    """

    def __init__(self, alive: Callable[[], None] = lambda: None):
        self._alive = alive
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node('sakiyomi_client', context=self._context, use_global_arguments=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._objects: TrackedObjects | None = None
        self._truth: ObjectStateArray | None = None
        self.action = ActionClient(self.node, Pick, '/planner/pick')
        self._listen('world_model/objects', self._on_objects)
        self._listen('simulation/ground_truth', self._on_truth)

    def __enter__(self) -> PickClient:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the graph."""
        self.close()

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self.action.destroy()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def wait_active(self, names: Iterable[str], timeout_s: float) -> None:
        """Until every named node has reached the active state.

        Raises:
            WorkFailedError: one has not within the time.
        """
        deadline = time.monotonic() + timeout_s
        for name in names:
            client = self.node.create_client(GetState, f'/{name}/get_state')
            while not self._is_active(client):
                if time.monotonic() > deadline:
                    raise WorkFailedError(f'node {name}: not active within {timeout_s:.0f} s')
                self.spin(POLL_PERIOD_S)
            self.node.destroy_client(client)

    def reset(
        self, objects: str, scene: str, count: int, seed: int, timeout_s: float = 60.0
    ) -> list[str]:
        """Lay a scene; the objects' names.

        Raises:
            WorkFailedError: the simulation refuses or does not answer.
        """
        request = ResetScene.Request(objects=objects, scene=scene, count=count, seed=seed)
        client = self.node.create_client(ResetScene, '/simulation/reset')
        response = self.call(client, request, timeout_s)
        if not response.success:
            raise WorkFailedError(f'reset: {response.message}')
        return list(response.names)

    def next_tracked(self, timeout_s: float) -> TrackedObjects | None:
        """The next objects that the world model reports, or None."""
        self._objects = None
        self.spin_until(lambda: self._objects is not None, timeout_s)
        return self._objects

    def tracked_after(self, stamp_s: float, timeout_s: float) -> TrackedObjects | None:
        """The first objects that the world model reports after a stamp, or None."""
        self.spin_until(
            lambda: self._objects is not None and self._objects.stamp_s > stamp_s, timeout_s
        )
        return self._objects

    def ground_truth(self, timeout_s: float = 10.0) -> ObjectStateArray | None:
        """The next report of the simulation's ground truth; for evaluation alone."""
        self._truth = None
        self.spin_until(lambda: self._truth is not None, timeout_s)
        return self._truth

    def pick(
        self,
        request: PickRequest,
        on_feedback: Callable[[Pick.Feedback], None] = lambda _: None,
        timeout_s: float = PICK_TIMEOUT_S,
    ) -> PickReport:
        """Send one pick and wait for its end.

        Raises:
            WorkFailedError: no planner answers.
        """
        if not self.spin_until(self.action.server_is_ready, SERVER_TIMEOUT_S):
            raise WorkFailedError('planner/pick: no such action in this domain, is a graph up?')
        future = self.action.send_goal_async(
            to_goal(request), feedback_callback=lambda message: on_feedback(message.feedback)
        )
        handle = self._result(future, timeout_s, 'planner/pick')
        if not handle.accepted:
            raise WorkFailedError('planner/pick: the goal was rejected')
        try:
            answer = self._result(handle.get_result_async(), timeout_s, 'planner/pick')
        except BaseException:
            handle.cancel_goal_async()  # whoever gives up leaves no arm in motion
            self._executor.spin_once(timeout_sec=POLL_PERIOD_S)
            raise
        return _report(answer.result)

    def spin(self, duration_s: float) -> None:
        """Handle what arrives for so long."""
        self.spin_until(lambda: False, duration_s)

    def _is_active(self, client: Client) -> bool:
        if not client.service_is_ready():
            return False
        future = client.call_async(GetState.Request())
        self.spin_until(future.done, 2.0)
        return future.done() and future.result().current_state.id == State.PRIMARY_STATE_ACTIVE

    def call(self, client: Client, request: Any, timeout_s: float) -> Any:
        """The response of a service, whose client is destroyed.

        Raises:
            WorkFailedError: no such service, or no answer within the time.
        """
        if not self.spin_until(client.service_is_ready, SERVER_TIMEOUT_S):
            raise WorkFailedError(f'{client.srv_name}: no such service in this domain')
        response = self._result(client.call_async(request), timeout_s, client.srv_name)
        self.node.destroy_client(client)
        return response

    def _result(self, future: Future, timeout_s: float, what: str) -> Any:
        if not self.spin_until(future.done, timeout_s):
            raise WorkFailedError(f'{what}: no answer within {timeout_s:.0f} s')
        return future.result()

    def spin_until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Handle what arrives until the condition holds; whether it does within the time."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            left_s = deadline - time.monotonic()
            if left_s <= 0.0:
                return False
            self._alive()
            self._executor.spin_once(timeout_sec=min(left_s, POLL_PERIOD_S))
        return True

    def _listen(self, topic: str, callback: Callable[[ObjectStateArray], None]) -> None:
        qos = topic_qos(topic).requested
        self.node.create_subscription(ObjectStateArray, f'/{topic}', callback, qos)

    def _on_objects(self, message: ObjectStateArray) -> None:
        ids = tuple(state.id for state in message.objects)
        stale = frozenset(message.stale_modalities)
        self._objects = TrackedObjects(from_stamp(message.header.stamp), ids, stale)

    def _on_truth(self, message: ObjectStateArray) -> None:
        self._truth = message


def to_goal(request: PickRequest) -> Pick.Goal:
    """The action's goal for a request."""
    target = getattr(Pick.Goal, f'TARGET_{request.target.upper()}')
    goal = Pick.Goal(
        target=target, object_id=request.object_id, force_limit=float(request.force_limit_n)
    )
    if request.point_m is not None:
        goal.point.header = header(0.0, 'world')
        goal.point.point = to_point(request.point_m)
    if request.T_world_place is not None:
        goal.use_place_pose = True
        goal.place_pose.header = header(0.0, 'world')
        goal.place_pose.pose = to_pose(request.T_world_place)
    return goal


def true_centers(message: ObjectStateArray) -> list[Any]:
    """The centre of mass (3,) of each object of a ground-truth message, in the world frame."""
    centers = []
    for state in message.objects:
        com = state.properties.center_of_mass
        centers.append((from_pose(state.pose.pose) @ [com.x, com.y, com.z, 1.0])[:3])
    return centers


def _report(result: Pick.Result) -> PickReport:
    return PickReport(
        OUTCOMES.get(result.outcome, f'outcome {result.outcome}'),
        result.reason,
        result.object_id,
        result.grasp.predicted_success,
        result.plan_seconds,
        result.execution_seconds,
    )
