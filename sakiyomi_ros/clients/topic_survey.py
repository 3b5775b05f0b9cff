"""Which topics of the stack answer in the current domain, and how often."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from sakiyomi.finding import BAD, INFO, OK, WARN, Finding
from sakiyomi_ros.clients.observed_topics import BELIEFS, OBSERVED
from sakiyomi_ros.qos import topic_qos

DISCOVERY_S = 1.0
LISTEN_S = 2.0


def survey(listen_s: float = LISTEN_S) -> Iterator[Finding]:
    """One finding for each topic; a single one where no graph runs."""
    rates, publishers, rmw = _listen(listen_s)
    domain = os.environ.get('ROS_DOMAIN_ID', '0')
    yield Finding('topics', 'middleware', OK, f'{rmw}, domain {domain}')
    if not any(publishers.values()):
        cure = 'start one with `sakiyomi sim`, or set ROS_DOMAIN_ID to that of the robot'
        yield Finding('topics', 'graph', INFO, f'nothing runs in domain {domain}', cure)
        return
    for topic in OBSERVED:
        yield _finding(topic, rates[topic] / listen_s, publishers[topic])


def _finding(topic: str, rate_hz: float, publishers: int) -> Finding:
    if rate_hz > 0.0:
        return Finding('topics', topic, OK, f'{rate_hz:.1f} Hz from {publishers} publishers')
    if publishers:
        cure = 'is its node active, is the clock running, does its QoS fit?'
        return Finding('topics', topic, BAD, 'published, but no message came', cure)
    if topic in BELIEFS:
        return Finding('topics', topic, WARN, 'no publisher', 'start the world model')
    return Finding('topics', topic, WARN, 'no publisher', 'start its driver, or remap its topic')


def _listen(listen_s: float) -> tuple[Counter[str], dict[str, int], str]:
    """Messages and publishers by topic, and the middleware's name."""
    context = rclpy.Context()
    rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('sakiyomi_doctor', context=context, use_global_arguments=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    counts: Counter[str] = Counter()
    for topic, kind in OBSERVED.items():
        node.create_subscription(
            kind,
            f'/{topic}',
            lambda _, topic=topic: counts.update([topic]),
            topic_qos(topic).requested,
            raw=True,
        )
    try:
        _spin(executor, DISCOVERY_S)
        counts.clear()
        _spin(executor, listen_s)
        publishers = {topic: node.count_publishers(f'/{topic}') for topic in OBSERVED}
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    return counts, publishers, rclpy.get_rmw_implementation_identifier()


def _spin(executor: SingleThreadedExecutor, duration_s: float) -> None:
    deadline = time.monotonic() + duration_s
    while (left_s := deadline - time.monotonic()) > 0.0:
        executor.spin_once(timeout_sec=left_s)
