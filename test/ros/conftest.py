import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor

sys.path.append(str(Path(__file__).parents[1] / 'planner'))  # the stand-in robot

PATIENCE_S = 120.0  # for a loaded machine; nothing waits longer than it must


class NodeProcess:
    """One of our nodes as a user starts it."""

    def __init__(self, module, *ros_args):
        command = [sys.executable, '-m', module, '--ros-args', *ros_args]
        self._process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=os.environ
        )
        self._errors = None

    @property
    def running(self):
        return self._process.poll() is None

    def end(self, number=signal.SIGINT):
        """Send a signal; the exit status and what was said on stderr."""
        if self.running:
            self._process.send_signal(number)
        return self.wait()

    def wait(self):
        if self._errors is not None:
            return self._process.returncode, self._errors
        try:
            _, self._errors = self._process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        return self._process.returncode, self._errors


class Observer:
    """A node of the test itself, with a context of its own."""

    def __init__(self):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node('observer', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def collect(self, message_type, topic, qos=10):
        messages = []
        self.node.create_subscription(message_type, topic, messages.append, qos)
        return messages

    def wait_for(self, condition, what, timeout_s=PATIENCE_S):
        end_s = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < end_s, f'waited {timeout_s} s for {what}'
            self.executor.spin_once(timeout_sec=0.05)
        return result

    def spin(self, duration_s):
        end_s = time.monotonic() + duration_s
        while time.monotonic() < end_s:
            self.executor.spin_once(timeout_sec=0.05)

    def call(self, service_type, name, request):
        client = self.node.create_client(service_type, name)
        self.wait_for(client.service_is_ready, f'service {name}')
        future = client.call_async(request)
        self.wait_for(future.done, f'an answer of {name}')
        self.node.destroy_client(client)
        return future.result()

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def start():
    """Start node processes; those still running at the end of the test are ended."""
    processes = []

    def starter(module, *ros_args):
        processes.append(NodeProcess(module, *ros_args))
        return processes[-1]

    yield starter
    for process in processes:
        _, errors = process.end(signal.SIGTERM)
        sys.stderr.write(errors)  # pytest shows it where the test failed


@pytest.fixture
def observer():
    observer = Observer()
    yield observer
    observer.close()


@pytest.fixture
def context():
    context = rclpy.Context()
    rclpy.init(context=context)
    yield context
    rclpy.try_shutdown(context=context)
