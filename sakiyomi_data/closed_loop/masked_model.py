"""A world model behind a selection of the sensors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.sensor_feed import Reading
from world_model_node.core import WorldModel

TOUCH = ('tactile', 'wrench')
MIN_PERIOD_SHARE = 0.8  # of a period: frames that come faster wait for the next update


@dataclass(frozen=True)
class SensorMask:
    """What a world model gets; joints always, for they tell where the robot itself is."""

    streams: tuple[str, ...] = ('camera', 'lidar', *TOUCH)
    drop_rate: float = 0.0  # share of all messages that never arrive
    seed: int = 0  # of what is dropped


class MaskedModel:
    """Takes readings as they arrive, and updates with each picture that is due.

    Args:
        model: which may be looked at, and is fed by this alone.
        mask: what it gets.
        predicts: let each update be followed by a prediction, as the node does; without it no
            object surprises.

    Attributes:
        scene: the newest; None before the first.
        on_scene: called with each new scene, at its instant.
        times_ms: what the stages of each update took.
    """

    def __init__(
        self, model: WorldModel, mask: SensorMask | None = None, predicts: bool = False
    ) -> None:
        self.model, self.mask = model, mask or SensorMask()
        self.scene: Scene | None = None
        self.on_scene: Callable[[Scene], None] = lambda _: None
        self.times_ms: list[dict[str, float]] = []
        self._predicts = predicts
        self._rng = np.random.default_rng([self.mask.seed, 20])
        self._last_frame_s = -float('inf')

    def take(self, stream: str, reading: Reading, now_s: float) -> bool:
        """Take in a reading and update if a picture is due; whether there is a new scene."""
        self.add(stream, reading)
        if stream != 'camera':
            return False
        if reading.stamp_s - self._last_frame_s < MIN_PERIOD_SHARE / self.model.config.rate_hz:
            return False
        self._last_frame_s = reading.stamp_s
        self.update(now_s)
        return True

    def add(self, stream: str, reading: Reading) -> None:
        """Take in a reading, for whoever updates by a clock of their own."""
        if stream != 'touch':
            self._pass(stream, reading)
            return
        self._pass('wrench', reading.wrench)
        for pad in reading.pads:
            self._pass('tactile', pad)
        self._pass('joints', reading.joints)

    def update(self, now_s: float) -> Scene:
        """The scene of this instant."""
        started = time.perf_counter()
        self.scene = self.model.update(now_s)
        total_ms = 1e3 * (time.perf_counter() - started)
        fusion_ms = total_ms - self.model.stage_ms['belief']  # which depends on what predicts
        self.times_ms.append({**self.model.stage_ms, 'fusion': fusion_ms, 'total': total_ms})
        if self._predicts:
            self.model.predict()
        self.on_scene(self.scene)
        return self.scene

    def _pass(self, stream: str, reading: object) -> None:
        wanted = stream == 'joints' or stream in self.mask.streams
        if wanted and (not self.mask.drop_rate or self._rng.random() >= self.mask.drop_rate):
            getattr(self.model, f'add_{stream}')(reading)
