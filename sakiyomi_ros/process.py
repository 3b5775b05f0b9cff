"""Run one node as a process: one clear line for bad input, exit code 0 on SIGINT and SIGTERM."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from itertools import pairwise

import rclpy
import yaml
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.signals import SignalHandlerOptions

from sakiyomi.errors import BadInputError, SakiyomiError
from sakiyomi_ros.environment import prepare_environment
from sakiyomi_ros.lifecycle import LifecycleNode

SIGNAL_CHECK_PERIOD_S = 0.2
LAST_CALLBACKS = 10
FAILED, BAD_INPUT = 1, 2  # exit statuses


def run(
    make_node: Callable[[], LifecycleNode],
    args: list[str] | None = None,
    make_executor: Callable[[], Executor] = SingleThreadedExecutor,
) -> int:
    """Make the node, start it if its parameter `autostart` says so, and spin; the exit status."""
    stop = _StopRequest()
    try:
        _check_parameter_files(sys.argv if args is None else args)
        prepare_environment()
        _init(args)
        _spin(make_node, make_executor, stop)
    except SakiyomiError as error:
        get_logger('sakiyomi').fatal(str(error))
        return BAD_INPUT if isinstance(error, BadInputError) else FAILED
    finally:
        rclpy.try_shutdown()
    return 0


class _StopRequest:
    """Set by SIGINT or SIGTERM: no callback is cut short, and a second signal is harmless."""

    def __init__(self) -> None:
        self.requested = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._request)

    def _request(self, *_: object) -> None:
        self.requested = True


def _init(args: list[str] | None) -> None:
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise BadInputError(' '.join(str(error).split())) from error


def _spin(
    make_node: Callable[[], LifecycleNode],
    make_executor: Callable[[], Executor],
    stop: _StopRequest,
) -> None:
    node = make_node()
    executor = make_executor()
    try:
        executor.add_node(node)
        if node.config.autostart:
            node.start()
        while not stop.requested and rclpy.ok():
            executor.spin_once(timeout_sec=SIGNAL_CHECK_PERIOD_S)
    finally:
        if node.active:
            node.trigger_deactivate()
            for _ in range(LAST_CALLBACKS):  # what deactivation still answers, such as a goal
                executor.spin_once(timeout_sec=0.0)
        executor.shutdown()
        node.destroy_node()


def _check_parameter_files(args: list[str]) -> None:
    # rcl's own message about a broken file is a C source line; this one says what is wrong where
    for option, path in pairwise(args):
        if option != '--params-file':
            continue
        try:
            with open(path, encoding='utf-8') as stream:
                tree = yaml.safe_load(stream)
        except OSError as error:
            raise BadInputError(f'parameter file {path}: {error.strerror}') from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            problem = ' '.join(str(error).split())
            raise BadInputError(f'parameter file {path}: not valid YAML: {problem}') from error
        if not isinstance(tree, dict):
            got = type(tree).__name__
            raise BadInputError(f'parameter file {path}: got {got}, expected a map')
