"""A cell with a free hand, and the world model that watches it as it would a real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from sakiyomi.errors import WorkFailedError
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import ObjectState, Scene
from sakiyomi_data.closed_loop.free_hand import FreeHand
from sakiyomi_data.closed_loop.free_hand_cell import HEIGHT, WIDTH, free_hand_cell
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_data.closed_loop.sensor_feed import SensorFeed
from sakiyomi_data.closed_loop.streams import StreamTimings
from sakiyomi_data.scenarios.interaction import ScenarioPlayer
from sakiyomi_data.scenarios.scene_builder import SceneBuilder, SceneRejectedError
from simulation_node.config import PHYSICS_HZ
from simulation_node.objects.object_files import volume_and_center
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.inference.dynamics import Dynamics

UPDATE_TICKS = PHYSICS_HZ // 10
MAX_ATTEMPTS = 60
MAX_MATCH_DISTANCE_M = 0.05  # a track farther from an object is not its own
Built = TypeVar('Built')


class ObservedCell:
    """Stages scenes and shows them to a world model, which updates at 10 Hz of the play's clock.

    Args:
        dynamics: of the world model; None: those of its configuration.
        width: of the camera [px].
        height: of the camera [px].
        rays: of one LiDAR scan; None: as configured.
    """

    def __init__(
        self,
        dynamics: Dynamics | None = None,
        width: int = WIDTH,
        height: int = HEIGHT,
        rays: int | None = None,
    ) -> None:
        self.cell = free_hand_cell(width, height, rays)
        hand = FreeHand(RobotModel(self.cell.description))
        self.model = WorldModel(WorldModelConfig(), hand, dynamics)
        self._masked_model = MaskedModel(self.model)
        self._player: ScenarioPlayer | None = None
        self._feed = SensorFeed(
            self.cell,
            StreamTimings.of(self.cell.config),
            step=lambda duration_s: self._player.advance(self._player.time_s + duration_s),
            joints=lambda: hand.measure(self.cell),
        )

    def close(self) -> None:
        """Release the engine."""
        self.cell.close()

    def build_scene(
        self,
        files: tuple[Path, ...],
        rng: np.random.Generator,
        build: Callable[[SceneBuilder], Built],
    ) -> tuple[SceneBuilder, Built]:
        """A drawn scene at time 0 before a world model that knows nothing.

        Raises:
            WorkFailedError: no draw of the objects suits.
        """
        for _ in range(MAX_ATTEMPTS):
            self.cell.reset(int(rng.integers(2**31)), scene='empty', count=0)
            self.cell.restart_clock()
            builder = SceneBuilder(self.cell, files, rng)
            try:
                built = build(builder)
            except SceneRejectedError:
                continue
            self.cell.restart_clock()
            self.model.reset()
            self._masked_model = MaskedModel(self.model)
            self._feed.restart()
            return builder, built
        raise WorkFailedError(
            f'scene: got {len(files)} objects, none suited in {MAX_ATTEMPTS} draws;'
            ' expected some that fit the table and the hand'
        )

    def observe(
        self,
        player: ScenarioPlayer,
        until_s: float,
        on_scene: Callable[[Scene], None] | None = None,
    ) -> None:
        """Let the play go on while everything is sensed; `on_scene` is given each new scene."""
        self._player = player
        while player.tick < round(until_s * PHYSICS_HZ):
            for stream, reading in self._feed.advance():
                self._masked_model.add(stream, reading)
            if player.tick % UPDATE_TICKS == 0:
                scene = self._masked_model.update(self.cell.time_s)
                if on_scene is not None:
                    on_scene(scene)

    def center_m(self, name: str) -> np.ndarray:
        """The true centroid (3,) of an object's volume, world frame."""
        center = volume_and_center(self.cell.shape(name))[1]
        return (self.cell.world.objects.pose(name) @ [*center, 1.0])[:3]

    def track_of(self, name: str) -> ObjectState | None:
        """The track nearest to an object's true place; None where there is none within 5 cm."""
        at = self.center_m(name)
        gaps = [np.linalg.norm(s.T_world_object[:3, 3] - at) for s in self.model.scene.objects]
        if not gaps or min(gaps) > MAX_MATCH_DISTANCE_M:
            return None
        return self.model.scene.objects[int(np.argmin(gaps))]
