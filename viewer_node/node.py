"""The browser page as a ROS 2 node: subscriptions last while a browser is open."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.action import ActionClient
from rclpy.client import Client
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from std_srvs.srv import Trigger

from sakiyomi.errors import BadInputError
from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi_interfaces.action import Pick
from sakiyomi_interfaces.srv import PushObject, ResetScene, SpawnObject
from sakiyomi_ros.diagnostics import OK, Health, InputMonitor
from sakiyomi_ros.lifecycle import LifecycleNode
from sakiyomi_ros.process import run
from sakiyomi_ros.qos import topic_qos
from sakiyomi_ros.sensor_frames import SensorFrames
from viewer_node import conversions
from viewer_node.config import ViewerConfig
from viewer_node.conversions import STREAMS, PageStream
from viewer_node.latest_values import LatestValues
from viewer_node.layers.visuals import load_visuals
from viewer_node.page import Page
from viewer_node.page_updater import PageUpdater
from viewer_node.panels.disturbances import inward_push, random_throw
from viewer_node.panels.health_board import HealthBoard
from viewer_node.panels.pick_log import PickLog
from viewer_node.port import require_free_port

WATCH_PERIOD_S = 0.5
PICK = 'planner/pick'
FEEDBACK = f'{PICK}/_action/feedback'  # public, so picks that others ask for are shown too


class ViewerNode(LifecycleNode):
    """Callbacks keep the newest message unread; a thread of its own reads and draws."""

    config: ViewerConfig

    def __init__(self) -> None:
        super().__init__('viewer', ViewerConfig())
        if self.config.autostart:  # a taken port is refused before anything is loaded
            require_free_port(self.config.host, self.config.port)
        self.latest, self.picks, self.board = LatestValues(), PickLog(), HealthBoard()
        self.page: Page | None = None
        self._listening: list[Subscription] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._rng = np.random.default_rng(0)

    # The life cycle.

    def configure(self) -> None:
        """Load the robot, serve the page, find the others' actions and services."""
        c = self.config
        description = compose(c.robot_description, c.sensor_description)
        robot = RobotModel(description)
        self.page = Page(c, load_visuals(description.urdf_xml), self)
        self.updater = PageUpdater(self.page, robot, SensorFrames(description, robot))
        self._make_clients()
        self.create_ticker(WATCH_PERIOD_S, self._watch, wall=True)
        self.get_logger().info(f'the page is at {self.page.url}')

    def activate(self) -> None:
        """Start drawing."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._draw_loop, name='drawing')
        self._thread.start()

    def deactivate(self) -> None:
        """Stop drawing and listening."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self._listen(False)

    def cleanup(self) -> None:
        """Close the page."""
        if self.page is not None:
            self.page.close()
            self.page = None

    def destroy_node(self) -> None:
        """Also close the page of a node that is destroyed without having been cleaned up."""
        self.cleanup()
        super().destroy_node()

    def health(self) -> tuple[Health, ...]:
        """The page's address and whether a browser is open."""
        watching = 'somebody looks' if self.page.has_viewers else 'nobody looks: not subscribed'
        return (Health('page', OK, f'{self.page.url}: {watching}'),)

    # Inputs last while a browser is open; only the newest message of each is read.

    def _watch(self) -> None:
        if self.page.has_viewers != bool(self._listening):
            self._listen(self.page.has_viewers)

    def _listen(self, on: bool) -> None:
        for subscription in self._listening:
            self.destroy_subscription(subscription)
        self._listening.clear()
        self.monitors.clear()
        self.latest.clear()
        self.board.clear()
        self.updater.reset()
        self.picks.forget_running()
        if not on:
            return
        for topic, stream in STREAMS.items():
            self._listening.append(self._keep_newest(stream.kind, topic))
        self._listening += [
            self.create_subscription(
                DiagnosticArray,
                '/diagnostics',
                self._on_diagnostics,
                topic_qos('/diagnostics').requested,
            ),
            self.create_subscription(Pick.Impl.FeedbackMessage, FEEDBACK, self._on_feedback, 10),
        ]

    def _keep_newest(self, kind: type, topic: str) -> Subscription:
        self.monitors[topic] = InputMonitor(topic)
        asked = topic_qos(topic).requested
        newest = QoSProfile(depth=1, reliability=asked.reliability, durability=asked.durability)
        return self.create_subscription(
            kind, topic, lambda data: self.latest.put(topic, data), newest, raw=True
        )

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.board.update(map(conversions.to_health_line, message.status))

    def _on_feedback(self, message: Any) -> None:
        goal = bytes(message.goal_id.uuid)
        if self.picks.progress(goal, *conversions.to_progress(message.feedback)):
            self._ask_for_result(message.goal_id)

    def _ask_for_result(self, goal_id: Any) -> None:
        request = Pick.Impl.GetResultService.Request(goal_id=goal_id)

        def note(response: Any) -> None:
            line = conversions.to_outcome_line(response.result)
            self.picks.finish(bytes(goal_id.uuid), *line)

        self._call(self._results, request, note)

    # Drawing, in a thread of its own.

    def _draw_loop(self) -> None:
        while not self._stopping.wait(1.0 / self.config.rate_hz):
            if not self.page.has_viewers:
                continue
            try:
                self._draw()
            except Exception as error:  # the page may freeze for a moment, never for good
                text = f'drawing: {type(error).__name__}: {error}'
                self.get_logger().error(text, throttle_duration_sec=5.0)

    def _draw(self) -> None:
        with self.page.atomic_update():
            for topic, stream in STREAMS.items():
                data = self.latest.take(topic)
                if data is not None:
                    self._update_page(topic, stream, data)
            self.updater.show_times(self.latest.rates_hz())
            self.page.show_pick(self.picks.status())
            self.page.show_health(self.board.lines())

    def _update_page(self, topic: str, stream: PageStream, data: bytes) -> None:
        monitor = self.monitors.get(topic) or InputMonitor(topic)
        try:
            self.updater.update(topic, stream.convert(deserialize_message(data, stream.kind)))
        except BadInputError as error:
            self._dropped(monitor, error)
        else:
            monitor.accept()

    # What the buttons ask for (see PageActions); called from the page's threads, never blocking.

    def _make_clients(self) -> None:
        self._pick = self.create_entity(ActionClient(self, Pick, PICK))
        self._results = self._client(Pick.Impl.GetResultService, f'{PICK}/_action/get_result')
        self._stop = self._client(Trigger, 'planner/stop')
        self._push = self._client(PushObject, 'simulation/push')
        self._spawn = self._client(SpawnObject, 'simulation/spawn')
        self._reset = self._client(ResetScene, 'simulation/reset')

    def _client(self, kind: type, name: str) -> Client:
        return self.create_entity(self.create_client(kind, name))

    def pick(self, object_id: int | None) -> str:
        """Pick this object, or any where None."""
        if not self._pick.server_is_ready():
            return f'no planner answers: /{PICK} has no server'
        future = self._pick.send_goal_async(conversions.to_goal(object_id))
        future.add_done_callback(self._goal_answered)
        return 'pick any object' if object_id is None else f'pick #{object_id}'

    def _goal_answered(self, future: Any) -> None:
        if not future.result().accepted:
            self.page.show_message('the planner refused the pick')

    def stop(self) -> str:
        """Stop the arm now."""
        return self._ask(self._stop, Trigger.Request(), 'stop')

    def push(self, object_id: int) -> str:
        """Hit this object towards the middle of the workspace."""
        state = next((o for o in self.updater.objects if o.id == object_id), None)
        if state is None:
            return f'object #{object_id} is not tracked any more'
        position_m = state.T_world_object[:3, 3]
        impulse_ns = inward_push(position_m, self.config.push_impulse_ns)
        request = conversions.to_push(position_m, impulse_ns)
        return self._ask(self._push, request, f'push #{object_id}')

    def throw(self) -> str:
        """Throw one more object into the workspace."""
        request = conversions.to_throw(*random_throw(self._rng, self.config.throw_flight_s))
        return self._ask(self._spawn, request, 'throw an object')

    def reset(self, seed: int) -> str:
        """Lay a new scene; a negative seed means the next one."""
        return self._ask(self._reset, conversions.to_reset(seed), f'reset the scene, seed {seed}')

    def _ask(self, client: Client, request: Any, what: str) -> str:
        """Call a service whose answer has `success` and `message`, and say how it went."""

        def show_message(response: Any) -> None:
            answer = response.message or ('done' if response.success else 'refused')
            self.page.show_message(f'{what}: {answer}')

        if self._call(client, request, show_message):
            return f'{what} ...'
        return f'{what}: nobody answers {client.srv_name}'

    def _call(self, client: Client, request: Any, answered: Callable[[Any], None]) -> bool:
        if not client.service_is_ready():
            return False
        future = client.call_async(request)
        future.add_done_callback(lambda f: answered(f.result()))
        return True


def main(args: list[str] | None = None) -> int:
    """Run the node; the exit status."""
    return run(ViewerNode, args)


if __name__ == '__main__':
    sys.exit(main())
