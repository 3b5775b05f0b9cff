"""One trial: a pick goes on until something happens, then everything is watched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from planner_node.pick_job import PickJob, RobotDrivers
from planner_node.robot_input import RobotInput
from sakiyomi.pick_request import PickRequest
from sakiyomi_data.closed_loop.cell_drivers import CellArmDriver, CellGripperDriver
from sakiyomi_data.closed_loop.planning_executor import PlanningExecutor
from sakiyomi_data.closed_loop.sensor_feed import SensorFeed, TouchReading
from sakiyomi_data.closed_loop.streams import StreamTiming, StreamTimings
from sakiyomi_evaluation.stopping.planned_scene import PlannedScene, Replay

EVENTS = ('joint_states', 'scenes', 'cancel', 'planner')
SCENE_PERIOD_S = 0.1
OBSERVED_S = 3.0  # after the event
MOVING_RADPS, REST_RADPS = 0.1, 0.02
MAX_DURATION_S = 30.0
IDLE_STREAM_HZ = 0.01


class StopTrial:
    """Plays the plan of a scene up to an instant, and lets one thing happen there.

    Args:
        planned: the scene and its plan.
        event: one of EVENTS.
        at: when, as a share of the motion into the scene (scenes) or of the whole pick.
    """

    def __init__(self, planned: PlannedScene, event: str, at: float) -> None:
        self.event, self._planned = event, planned
        self._cell = cell = planned.cell
        cell.reset(planned.seed)
        cell.restart_clock()
        touch = StreamTiming(cell.config.touch.rate_hz)
        self._feed = SensorFeed(
            cell, StreamTimings(touch, StreamTiming(IDLE_STREAM_HZ), StreamTiming(IDLE_STREAM_HZ))
        )
        self._input = RobotInput(planned.planner.robot)
        self._arm = _TimedDriver(CellArmDriver(cell), cell)
        gripper = _TimedDriver(CellGripperDriver(cell), cell)
        self._ports = RobotDrivers(self._arm, gripper)
        self._sent = (self._arm, gripper)
        worker = PlanningExecutor(lambda: cell.time_s, waits=True)
        self._job = PickJob(Replay(planned), planned.config, PickRequest(), worker, self._ports)
        self._at_s = self._instant(at)
        self._happened_s: float | None = None
        self._phase = ''
        self._peak_n, self._rest_s = 0.0, float('nan')
        self._q: np.ndarray | None = None

    def run(self) -> dict[str, Any]:
        """Play it; what was measured."""
        while self._goes_on():
            for name, reading in self._feed.advance():
                if name == 'touch':
                    self._take(reading)
        happened_s = self._happened_s or self._cell.time_s
        last_s = max(port.last_s for port in self._sent)
        q, dq = self._arm_state()
        return {
            'event': self.event,
            'phase': self._phase,
            'last_command_s': max(last_s - happened_s, 0.0),
            'rest_s': self._rest_s,
            'way_rad': float(np.abs(q - self._q).max()) if self._q is not None else 0.0,
            'at_rest': bool(np.abs(dq).max() < REST_RADPS),
            'peak_n': self._peak_n,
            'outcome': self._job.outcome,
            'reason': self._job.reason,
        }

    def _instant(self, at: float) -> float:
        """When it happens, from the beginning of the motion [s]."""
        plan = self._planned.pick_plan
        into_s = plan['reach'].duration_s + plan['approach'].duration_s
        whole_s = into_s + plan['lift'].duration_s + plan['carry'].duration_s + 4.0
        return at * (into_s if self.event == 'scenes' else whole_s)

    def _goes_on(self) -> bool:
        now_s = self._cell.time_s
        over = self._happened_s is not None and now_s - self._happened_s > OBSERVED_S
        return not over and now_s < MAX_DURATION_S

    def _take(self, touch: TouchReading) -> None:
        now_s = self._cell.time_s
        if self._happened_s is None and self._is_due(now_s):
            self._happen(now_s)
        sensors_read = not (self._happened_s is not None and self.event == 'joint_states')
        if sensors_read:
            self._read_sensors(touch)
        if not (self._happened_s is not None and self.event == 'planner'):
            self._step(now_s, sensors_read)
        self._watch(touch, now_s)

    def _is_due(self, now_s: float) -> bool:
        """Once the instant has come and the arm moves."""
        if self._job.moving_since_s is None:
            return False
        moves = np.abs(self._arm_state()[1]).max() > MOVING_RADPS
        return bool(moves and now_s - self._job.moving_since_s >= self._at_s)

    def _happen(self, now_s: float) -> None:
        self._happened_s, self._phase = now_s, self._job.phase
        self._q = self._arm_state()[0]
        if self.event == 'cancel':
            self._job.stop('stopped', 'cancelled')

    def _read_sensors(self, touch: TouchReading) -> None:
        self._input.add_wrench(touch.wrench)
        for pad in touch.pads:
            self._input.add_tactile(pad)
        self._input.add_joints(touch.joints)

    def _step(self, now_s: float, sensors_read: bool) -> None:
        if sensors_read:
            self._job.step(now_s, self._input.state(), lambda: self._scene(now_s))
        self._job.supervise(now_s)

    def _scene(self, now_s: float) -> Any:
        """The scene that was planned on, as if it came ten times a second."""
        if self._happened_s is not None and self.event == 'scenes':
            now_s = self._happened_s
        stamp_s = np.floor(now_s / SCENE_PERIOD_S) * SCENE_PERIOD_S
        return replace(self._planned.scene, stamp_s=float(stamp_s))

    def _watch(self, touch: TouchReading, now_s: float) -> None:
        if self._happened_s is None:
            return
        self._peak_n = max(self._peak_n, float(np.linalg.norm(touch.wrench.force_n)))
        if np.abs(self._arm_state()[1]).max() >= REST_RADPS:
            self._rest_s = float('nan')
        elif np.isnan(self._rest_s):
            self._rest_s = now_s - self._happened_s

    def _arm_state(self) -> tuple[np.ndarray, np.ndarray]:
        return self._planned.planner.robot.joint_vector(self._cell.joints())[:2]


class _TimedDriver:
    """A driver of the cell, and when it was last used."""

    def __init__(self, driver: Any, cell: Any) -> None:
        self._driver, self._cell = driver, cell
        self.last_s = -float('inf')

    def send(self, *command: Any) -> None:
        self.last_s = self._cell.time_s
        self._driver.send(*command)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)
