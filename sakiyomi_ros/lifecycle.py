"""The base of every node: managed life cycle, parameters from one config, diagnostics."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.client import Client
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecyclePublisher, LifecycleState, Node, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.service import Service
from rclpy.subscription import Subscription
from rclpy.timer import Timer

from sakiyomi.errors import BadInputError, SakiyomiError, WorkFailedError
from sakiyomi.parameters import NodeConfig, flatten, with_values
from sakiyomi_interfaces.msg import StageTimes
from sakiyomi_ros.diagnostics import ERROR, OK, Health, InputMonitor, diagnostic_array
from sakiyomi_ros.messages.conversions import to_stamp
from sakiyomi_ros.parameters import declare_from, plain, unknown_parameters
from sakiyomi_ros.qos import topic_qos


class LifecycleNode(Node):
    """Configure makes publishers and subscriptions, activate starts, deactivate stops.

    A subclass fills in `configure`, `activate`, `deactivate`, `cleanup`, `config_changed` and
    `health`, and makes its ends with `create_input`, `create_output` and `create_ticker`: those
    are destroyed again by the clean-up transition, and inputs are deaf unless the node is active.
    """

    def __init__(self, name: str, config: NodeConfig, **options: Any):
        """Declare the parameters; the life cycle starts in `unconfigured`.

        Raises:
            BadInputError: the user gave a parameter value that the config refuses.
        """
        super().__init__(name, automatically_declare_parameters_from_overrides=True, **options)
        self.active = False
        self.failure: SakiyomiError | None = None
        self.monitors: dict[str, InputMonitor] = {}
        self._entities: list[Any] = []
        self.config = declare_from(self, config)
        for unknown in unknown_parameters(self, config):
            self.get_logger().warning(f'unknown parameter {unknown!r} is ignored')
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._diagnostics = self.create_publisher(
            DiagnosticArray, '/diagnostics', topic_qos('/diagnostics').offered
        )
        self._diagnostics_timer = self._wall_timer(
            self.config.diagnostics_period_s, self.publish_diagnostics
        )

    # What a node fills in.

    def configure(self) -> None:
        """Make publishers, subscriptions and the core. A SakiyomiError keeps it unconfigured."""

    def activate(self) -> None:
        """Start."""

    def deactivate(self) -> None:
        """Stop what `activate` started."""

    def cleanup(self) -> None:
        """Forget what `configure` made, beyond inputs, outputs and tickers."""

    def config_changed(self, previous: NodeConfig) -> None:
        """Take over what can change at run time; `self.config` is already the new one."""

    def health(self) -> Iterable[Health]:
        """Further lines for /diagnostics."""
        return ()

    # What a node uses.

    def create_input(
        self,
        message_type: type,
        topic: str,
        callback: Callable[[Any], None],
        stale_after_s: float | None = None,
        **options: Any,
    ) -> Subscription:
        """Subscribe with the topic's QoS; a BadInputError in `callback` is a counted drop."""
        monitor = self.monitors.setdefault(topic, InputMonitor(topic, stale_after_s))

        def receive(message: Any) -> None:
            if not self.active:
                return
            try:
                callback(message)
            except BadInputError as error:
                self._dropped(monitor, error)
            else:
                monitor.accept()

        subscription = self.create_subscription(
            message_type, topic, receive, topic_qos(topic).requested, **options
        )
        self._entities.append(subscription)
        return subscription

    def create_output(self, message_type: type, topic: str) -> LifecyclePublisher:
        """A publisher with the topic's QoS that is silent unless the node is active."""
        publisher = self.create_lifecycle_publisher(message_type, topic, topic_qos(topic).offered)
        self._entities.append(publisher)
        return publisher

    def create_ticker(
        self, period_s: float, callback: Callable[[], None], wall: bool = False
    ) -> Timer:
        """A timer in the node's clock (or wall time) that rests unless the node is active."""

        def tick() -> None:
            if self.active:
                callback()

        timer = self._wall_timer(period_s, tick) if wall else self.create_timer(period_s, tick)
        self._entities.append(timer)
        return timer

    def create_entity(self, entity: Any) -> Any:
        """Have a service, client or action server destroyed with the rest at clean-up."""
        self._entities.append(entity)
        return entity

    def now_s(self) -> float:
        """The node's clock [s]."""
        return self.get_clock().now().nanoseconds * 1e-9

    def stage_times(
        self, stage_ms: dict[str, float], newest_stamp_s: float, latency_s: float | None = None
    ) -> StageTimes:
        """The processing-time message of one step that used data up to `newest_stamp_s`."""
        latency_s = self.now_s() - newest_stamp_s if latency_s is None else latency_s
        message = StageTimes(stages=list(stage_ms), milliseconds=[*map(float, stage_ms.values())])
        message.header.stamp = to_stamp(newest_stamp_s)
        message.latency_milliseconds = latency_s * 1e3
        return message

    def publish_diagnostics(self) -> None:
        """Say how the node is; also while it is inactive."""
        state = self._state_machine.current_state[1]
        level, message = (ERROR, str(self.failure)) if self.failure else (OK, state)
        lines = [Health('lifecycle', level, message, {'state': state})]
        if self.active:
            lines += [monitor.health() for monitor in self.monitors.values()]
            lines += self.health()
        stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostic_array(self.get_name(), lines, stamp))

    # The life cycle.

    def start(self) -> None:
        """Configure and activate at once.

        Raises:
            SakiyomiError: why it could not be configured or activated.
        """
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != TransitionCallbackReturn.SUCCESS:
                raise self.failure or SakiyomiError(f'{self.get_name()}: could not start')

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition; see `configure`."""
        result = self._transition(self.configure)
        if result == TransitionCallbackReturn.SUCCESS:
            return super().on_configure(state)
        self._destroy_entities()
        return result

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition; see `activate`."""
        super().on_activate(state)
        result = self._transition(self.activate)
        self.active = result == TransitionCallbackReturn.SUCCESS
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition; see `deactivate`."""
        self.active = False
        result = self._transition(self.deactivate)
        super().on_deactivate(state)
        return result

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition; see `cleanup`."""
        result = self._transition(self.cleanup)
        self._destroy_entities()
        return result

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition: stop if active, then clean up."""
        if self.active:
            self.on_deactivate(state)
        return self.on_cleanup(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Transition: back to `unconfigured`, so that the node can be configured again."""
        self.active = False
        self._destroy_entities()
        return TransitionCallbackReturn.SUCCESS

    def _transition(self, step: Callable[[], None]) -> TransitionCallbackReturn:
        # rclpy swallows an exception of a transition, so it is told and kept here
        try:
            step()
        except SakiyomiError as error:
            self.failure = error
            self.get_logger().error(f'{step.__name__}: {error}')
            return TransitionCallbackReturn.FAILURE
        except Exception as error:
            self.failure = WorkFailedError(f'{step.__name__}: {type(error).__name__}: {error}')
            self.get_logger().error(traceback.format_exc())
            return TransitionCallbackReturn.ERROR
        self.failure = None
        return TransitionCallbackReturn.SUCCESS

    def _destroy_entities(self) -> None:
        for entity in reversed(self._entities):
            if isinstance(entity, LifecyclePublisher):
                self.destroy_lifecycle_publisher(entity)
            else:
                _DESTROY.get(type(entity), lambda _, e: e.destroy())(self, entity)
        self._entities.clear()
        self.monitors.clear()

    def _dropped(self, monitor: InputMonitor, error: BadInputError) -> None:
        if monitor.drop(str(error)):
            self.get_logger().warning(
                f'{monitor.topic}: dropped ({monitor.dropped} so far): {error}'
            )

    def _wall_timer(self, period_s: float, callback: Callable[[], None]) -> Timer:
        return self.create_timer(period_s, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # Parameters: the new config is built, and so validated, before the change is accepted.

    def _updated(self, parameters: list[Parameter]) -> NodeConfig:
        known = {name for name, _, _ in flatten(self.config)}
        return with_values(
            self.config, {p.name: plain(p.value) for p in parameters if p.name in known}
        )

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        try:
            self._updated(parameters)
        except BadInputError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply_parameters(self, parameters: list[Parameter]) -> None:
        previous, self.config = self.config, self._updated(parameters)
        if self.config != previous:
            self.config_changed(previous)


_DESTROY: dict[type, Callable[[Node, Any], Any]] = {
    Subscription: Node.destroy_subscription,
    Timer: Node.destroy_timer,
    Service: Node.destroy_service,
    Client: Node.destroy_client,
}
