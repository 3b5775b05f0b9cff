"""World models that watch one cell at once, each through its own selection of the sensors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import Scene
from sakiyomi.sensing import CameraFrame, JointReading, LidarScan, TactileReading, WrenchReading
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel

DROPPED_SHARE = 0.2
TOUCH = ('tactile', 'wrench')


@dataclass(frozen=True)
class Modality:
    """What a world model gets; joints always, for they tell where the robot itself is."""

    name: str
    streams: tuple[str, ...] = ('camera', 'lidar', *TOUCH)
    dropped: float = 0.0  # share of all messages that never arrive
    segmenter: str = ''  # empty: the default one


ALL = Modality('all')
MODALITIES = (
    Modality('camera only', ('camera',)),
    Modality('lidar only', ('lidar',)),
    Modality('camera + lidar', ('camera', 'lidar')),
    Modality('all, 20 % dropped', dropped=DROPPED_SHARE),
)


@dataclass(frozen=True)
class Readings:
    """What all sensors say at one instant."""

    stamp_s: float
    joints: JointReading
    wrench: WrenchReading
    tactile: tuple[TactileReading, TactileReading]
    lidar: LidarScan
    camera: CameraFrame
    glimpses: tuple[CameraFrame, ...] = ()  # the camera's frames since the last time


def sense(cell: SimulatedCell, glimpses: tuple[CameraFrame, ...] = ()) -> Readings:
    """Every sensor once, and what the camera has seen before."""
    return Readings(
        cell.time_s,
        cell.joints(),
        cell.wrench(),
        cell.tactile(),
        cell.lidar_scan(),
        cell.camera_frame(),
        glimpses,
    )


class Watcher:
    """One world model behind one modality."""

    def __init__(
        self, modality: Modality, config: WorldModelConfig, robot: RobotModel, seed: int
    ) -> None:
        self.modality = modality
        self.config = with_segmenter(config, modality.segmenter) or config
        self.model = WorldModel(self.config, robot)
        self.scene: Scene = self.model.scene
        self.times_ms: list[dict[str, float]] = []
        self._rng = np.random.default_rng([seed, 20])

    def watch(self, readings: Readings) -> Scene:
        """Take in what arrives and update; keeps the time that each stage took."""
        model = self.model
        self._pass(model.add_joints, readings.joints)
        if 'wrench' in self.modality.streams:
            self._pass(model.add_wrench, readings.wrench)
        if 'tactile' in self.modality.streams:
            for pad in readings.tactile:
                self._pass(model.add_tactile, pad)
        if 'lidar' in self.modality.streams:
            self._pass(model.add_lidar, readings.lidar)
        if 'camera' in self.modality.streams:
            for frame in (*readings.glimpses, readings.camera):
                self._pass(model.add_camera, frame)
        started = time.perf_counter()
        self.scene = model.update(readings.stamp_s)
        total_ms = 1e3 * (time.perf_counter() - started)
        fusion_ms = total_ms - model.stage_ms['belief']  # which another model may take longer for
        self.times_ms.append({**model.stage_ms, 'fusion': fusion_ms, 'total': total_ms})
        return self.scene

    def instances(self) -> tuple[np.ndarray, np.ndarray]:
        """Points (M, 3) of the fused cloud and the instance of each, -1 for none. (M,)."""
        voxels, labels = self.model.voxels, self.model.labels
        if voxels is None or not len(voxels):
            return np.zeros((0, 3), np.float32), np.zeros(0, int)
        labels = labels.copy()
        heights = voxels.points_m[:, 2] - self.scene.table_height_m
        for label in range(labels.max(initial=-1) + 1):
            own = labels == label
            if heights[own].max(initial=0.0) <= self.config.clustering.min_height_m:
                labels[own] = -1  # the world model drops these too
        return voxels.points_m, labels

    def _pass(self, add: Callable[[Any], None], reading: object) -> None:
        if self._rng.random() >= self.modality.dropped:
            add(reading)


def with_segmenter(config: WorldModelConfig, name: str) -> WorldModelConfig | None:
    """The configuration with that segmenter, or None where there is no such choice."""
    options = segmenters(config)
    return replace(config, segmenter=name) if name in options else None


def segmenters(config: WorldModelConfig) -> tuple[str, ...]:
    """The segmenters that the world model can be configured with; none where it has but one."""
    field = next((f for f in fields(config) if f.name == 'segmenter'), None)
    return () if field is None else tuple(field.metadata['options'])
