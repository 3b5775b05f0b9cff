"""Note when messages were published and received, without decoding them.

Runs in a thread of its own beside whatever else the process does.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Mapping

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from sakiyomi.message_log import MessageArrival, MessageLog, UpdateRecord
from sakiyomi_interfaces.msg import StageTimes
from sakiyomi_ros.messages.conversions import from_stamp
from sakiyomi_ros.qos import topic_qos

_CDR_STAMP = struct.Struct('<4xiI')  # encapsulation, then the header's seconds and nanoseconds


class StampRecorder:
    """Records while it is the context of a `with`."""

    def __init__(self, topics: Mapping[str, type]):
        """Topics, with their message types; every type must begin with a header."""
        self._topics = topics
        self.recording = MessageLog()

    def __enter__(self) -> StampRecorder:
        """Start listening."""
        self._context = rclpy.Context()
        rclpy.init(context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self._node = Node('stamp_recorder', context=self._context, use_global_arguments=False)
        for topic, kind in self._topics.items():
            self._listen(topic, kind)
        topic = 'world_model/processing_time'
        qos = topic_qos(topic).requested
        self._node.create_subscription(StageTimes, f'/{topic}', self._on_times, qos)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._executor.spin, name='stamp recorder')
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._executor.shutdown()
        self._thread.join()
        self._node.destroy_node()
        rclpy.try_shutdown(context=self._context)

    def restart(self) -> None:
        """Forget what was recorded so far."""
        self.recording = MessageLog()

    def _listen(self, topic: str, kind: type) -> None:
        def on_message(data: bytes, info: dict[str, int]) -> None:
            seconds, nanoseconds = _CDR_STAMP.unpack_from(data)
            arrival = MessageArrival(
                seconds + nanoseconds * 1e-9, info['source_timestamp'], info['received_timestamp']
            )
            self.recording.arrivals.setdefault(topic, []).append(arrival)

        qos = topic_qos(topic).requested
        self._node.create_subscription(kind, f'/{topic}', on_message, qos, raw=True)

    def _on_times(self, message: StageTimes, info: dict[str, int]) -> None:
        stamp_s = from_stamp(message.header.stamp)
        stage_ms = dict(zip(message.stages, message.milliseconds, strict=False))
        self.recording.updates.append(UpdateRecord(info['source_timestamp'], stamp_s, stage_ms))
