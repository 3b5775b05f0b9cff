"""Start the nodes of a graph as processes of their own, without launch_ros.

The same modules, parameter files, parameters and remappings as in the launch files; each process's
output is passed on line by line, and all are stopped again: SIGINT, then SIGTERM, then SIGKILL.
A node that ends by itself ends the graph, or is started again (argument `on_exit`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi.paths import share_dir
from sakiyomi_bringup.description import (
    CONFIG_DIR,
    LOG_LEVEL,
    ON_EXIT,
    Graph,
    NodeProcess,
    Value,
)

Sink = Callable[[str, str], None]  # (node, line)

STOP_STEPS = ((signal.SIGINT, 8.0), (signal.SIGTERM, 4.0), (signal.SIGKILL, 2.0))  # [s] each
MAX_LOG_LINES = 40
MIN_RESPAWN_DELAY_S, MAX_RESPAWN_DELAY_S = 1.0, 30.0  # before a node is started again; it doubles
STABLE_UPTIME_S = 60.0  # uptime after which the respawn delay of a node begins anew


def command_line(node: NodeProcess, values: Mapping[str, Value], config_dir: Path) -> list[str]:
    """The command that starts one node with its parameters and remappings."""
    parameters: dict[str, Any] = dict(node.fixed_parameters)
    parameters |= {name: values[argument] for name, argument in node.parameters.items()}
    command = [sys.executable, '-m', node.module, '--ros-args', '-r', f'__node:={node.name}']
    command += ['--params-file', str(config_dir / node.parameter_file)]
    for name, value in parameters.items():
        command += ['-p', f'{name}:={json.dumps(value)}']  # JSON is YAML, and text stays text
    for topic, argument in node.remappings.items():
        if values[argument] != topic:
            command += ['-r', f'{topic}:={values[argument]}']
    return [*command, '--log-level', str(values[LOG_LEVEL.name])]


class ProcessGraph:
    """The running processes of one graph.

    Use it as a context manager: leaving it stops everything.
    """

    def __init__(
        self,
        graph: Graph,
        values: Mapping[str, Any],
        sink: Sink,
        environment: Mapping[str, str] | None = None,
    ):
        """Check the arguments; nothing is started yet.

        Raises:
            BadInputError: an unknown argument, a bad value, or a missing parameter file.
        """
        self.graph = graph
        self.values = graph.values(values)
        self._sink = sink
        self._environment = _environment(graph, environment or {})
        self._config_dir = Path(self.values[CONFIG_DIR.name] or share_dir('config'))
        self._processes: dict[str, _Process] = {}
        for node in graph.running(self.values):
            path = self._config_dir / node.parameter_file
            if not path.is_file():
                raise BadInputError(f'parameter file {path}: no such file')

    def __enter__(self) -> ProcessGraph:
        """Start every process."""
        for node in self.graph.running(self.values):
            command = command_line(node, self.values, self._config_dir)
            self._processes[node.name] = _Process(
                node.name, command, self._environment, self._sink, self.respawns
            )
        return self

    def __exit__(self, *_: object) -> None:
        """Stop every process."""
        self.stop()

    @property
    def respawns(self) -> bool:
        """Whether a node that ends is started again."""
        return self.values.get(ON_EXIT.name) == 'respawn'

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes started."""
        return tuple(self._processes)

    @property
    def pids(self) -> dict[str, int]:
        """Process ids by node."""
        return {name: process.popen.pid for name, process in self._processes.items()}

    def exit_codes(self) -> dict[str, int]:
        """Of the processes that have ended."""
        codes = {name: process.popen.poll() for name, process in self._processes.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def check(self) -> None:
        """Nothing, while all run, or where those that end are started again.

        Raises:
            WorkFailedError: a process has ended; with its last words.
        """
        if self.respawns:
            return
        for name, code in self.exit_codes().items():
            raise WorkFailedError(
                f'{name} ended with exit code {code}: {self.last_error_line(name)}'
            )

    def last_error_line(self, name: str) -> str:
        """The last error that a node logged, else its last line."""
        lines = list(self._processes[name].lines)
        errors = [line for line in lines if 'ERROR' in line or 'FATAL' in line or 'Error' in line]
        return (errors or lines or ['it said nothing'])[-1].strip()

    def stop(self) -> dict[str, int]:
        """End every process, gently first; exit codes by node, negative for a signal's."""
        for process in self._processes.values():
            process.disable_respawn()
        for number, patience_s in STOP_STEPS:
            running = [p for p in self._processes.values() if p.popen.poll() is None]
            for process in running:
                process.signal(number)
            deadline = time.monotonic() + patience_s
            for process in running:
                process.wait(deadline - time.monotonic())
        for process in self._processes.values():
            process.join()
        return self.exit_codes()


class _Process:
    """One node, its output, and its next life where it is started again."""

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        sink: Sink,
        respawns: bool,
    ):
        self.name = name
        self.lines: deque[str] = deque(maxlen=MAX_LOG_LINES)
        self._command, self._environment, self._sink = command, environment, sink
        self._ending = threading.Event()
        self._starting = threading.Lock()
        if not respawns:
            self._ending.set()
        self.popen = self._start()
        self._reader = threading.Thread(target=self._supervise, name=f'log of {name}', daemon=True)
        self._reader.start()

    def disable_respawn(self) -> None:
        """Its end will be the last one."""
        with self._starting:
            self._ending.set()

    def _start(self) -> subprocess.Popen:
        # a session of its own: Ctrl-C reaches the parent alone, which then stops all in order
        return subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors='replace',
        )

    def _supervise(self) -> None:
        """Read until the process ends; start it again after a delay, unless that was the end."""
        delay_s = MIN_RESPAWN_DELAY_S
        while True:
            began_s = time.monotonic()
            self._read()
            code = self.popen.wait()
            if self._ending.is_set():
                return
            if time.monotonic() - began_s > STABLE_UPTIME_S:
                delay_s = MIN_RESPAWN_DELAY_S
            words = f'ended with exit code {code}, starts again in {delay_s:g} s'
            self._sink(self.name, f'[WARN] {words}')
            if self._ending.wait(delay_s) or not self._restart():
                return
            delay_s = min(2.0 * delay_s, MAX_RESPAWN_DELAY_S)

    def _restart(self) -> bool:
        with self._starting:
            if self._ending.is_set():
                return False
            self.popen = self._start()
            return True

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.popen.send_signal(number)

    def wait(self, timeout_s: float) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(max(timeout_s, 0.01))

    def join(self) -> None:
        self._reader.join(1.0)

    def _read(self) -> None:
        for line in self.popen.stdout:
            self.lines.append(line)
            self._sink(self.name, line.rstrip('\n'))


def _environment(graph: Graph, extra: Mapping[str, str]) -> dict[str, str]:
    environment = {**graph.environment, **os.environ, **extra, 'PYTHONUNBUFFERED': '1'}
    environment.setdefault('RCUTILS_COLORIZED_OUTPUT', '0')
    # each node runs on few threads: they share the cores among each other
    environment.setdefault('OMP_NUM_THREADS', '1')
    environment.setdefault('OPENBLAS_NUM_THREADS', '1')
    return environment
