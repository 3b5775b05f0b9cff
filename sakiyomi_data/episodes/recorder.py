"""Plays one seeded interaction before the whole chain of sensors and fusion, and notes it all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.free_hand import FreeHand
from sakiyomi_data.closed_loop.free_hand_cell import HEIGHT, WIDTH, free_hand_cell
from sakiyomi_data.closed_loop.masked_model import TOUCH, MaskedModel, SensorMask
from sakiyomi_data.closed_loop.sensor_feed import SensorFeed
from sakiyomi_data.closed_loop.streams import StreamTiming, StreamTimings
from sakiyomi_data.episodes.hand_recorder import HandRecorder
from sakiyomi_data.episodes.layout import NUM_FRAMES, T0_FRAME, Episode
from sakiyomi_data.episodes.scene_columns import scenes_to_columns
from sakiyomi_data.episodes.sensor_loop import SensorLoop
from sakiyomi_data.episodes.truth_columns import TruthRecorder
from sakiyomi_data.scenarios.interaction import ScenarioPlayer
from sakiyomi_data.scenarios.registry import set_up_scenario
from simulation_node.config import SimulationConfig
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel

MAX_SHIFT_M, MAX_ROTATION_RAD = 0.08, np.radians(6.0)  # of camera and LiDAR from where they stand
LATENCY_RANGE_S = (0.0, 0.05)


@dataclass(frozen=True)
class SensorConditions:
    """How the sensors stand and what they are worth in one episode."""

    T_camera: np.ndarray  # (4, 4) displacement in its own frame
    T_lidar: np.ndarray
    camera_noise: float  # scale
    lidar_noise_m: float
    camera_latency_s: float
    lidar_latency_s: float

    @staticmethod
    def sample(rng: np.random.Generator) -> SensorConditions:
        """Anything that may be."""
        return SensorConditions(
            _displacement(2, rng),
            _displacement(0, rng),
            float(rng.uniform(0.5, 2.0)),
            float(rng.uniform(0.002, 0.008)),
            float(rng.uniform(*LATENCY_RANGE_S)),
            float(rng.uniform(*LATENCY_RANGE_S)),
        )

    def streams(self, config: SimulationConfig) -> StreamTimings:
        """The cell's own, with camera and LiDAR as late as they are here."""
        return StreamTimings(
            StreamTiming(config.touch.rate_hz),
            StreamTiming(config.lidar.rate_hz, self.lidar_latency_s),
            StreamTiming(config.camera.rate_hz, self.camera_latency_s),
        )


class EpisodeRecorder:
    """Makes episodes; what one holds depends on its seed alone, not on those before it.

    Args:
        model: Config of the fusion; None: the default one, with plain dynamics.
        width: Of the camera's picture [px].
        height: The same.
        rays: Of one LiDAR scan; None: as many as the simulation's default.
        lidar: Whether the fusion gets the scans. What happens in an episode does not depend on it.
    """

    def __init__(
        self,
        model: WorldModelConfig | None = None,
        width: int = WIDTH,
        height: int = HEIGHT,
        rays: int | None = None,
        lidar: bool = True,
    ) -> None:
        self._mask = SensorMask() if lidar else SensorMask(('camera', *TOUCH))
        self.cell = free_hand_cell(width, height, rays)
        self._hand = FreeHand(RobotModel(self.cell.description))
        # what is recorded must not depend on what was learned from earlier recordings
        plain = WorldModelConfig(dynamics='physics_prior')
        self.model = WorldModel(model or plain, self._hand)
        self.scenes: list[Scene] = []

    def close(self) -> None:
        """Release the cell."""
        self.cell.close()

    def episode(
        self, scenario: str, files: tuple[Path, ...], seed: int, index: int, on_frame=None
    ) -> Episode:
        """Episode `index` of the stream of episodes with this seed.

        Args:
            scenario: its name.
            files: of the objects to choose from.
            seed: of the stream.
            index: in the stream.
            on_frame: called with the cell after every frame, for pictures.

        Raises:
            WorkFailedError: no draw of the objects suits the scenario.
        """
        rng = np.random.default_rng([seed, index])
        builder, interaction = set_up_scenario(self.cell, scenario, files, rng)
        conditions = SensorConditions.sample(rng)
        self._mount(conditions)
        self.model.reset()
        player = ScenarioPlayer(self.cell, interaction)
        truth, hand = (
            TruthRecorder(self.cell, builder, interaction),
            HandRecorder(self._hand, interaction),
        )
        masked_model = MaskedModel(self.model, self._mask)
        sensing = SensorLoop(player, self._feed(player, conditions), masked_model, truth, hand)
        self.scenes = []
        for frame in range(NUM_FRAMES):
            self.scenes.append(sensing.next_frame() if frame else sensing.first_frame())
            if frame == T0_FRAME:
                t0_s = self.cell.time_s
            if on_frame is not None:
                on_frame(self.cell)
        columns = {
            'episode/scenario': np.str_(scenario),
            'episode/index': np.int32(index),
            **scenes_to_columns(self.scenes, t0_s),
            **hand.columns(self.cell.config.gripper_speed_mps),
            **self._sensor_columns(conditions),
        }
        columns |= truth.columns(columns)
        actors = columns['truth/actor'] & columns['truth/present']
        columns['episode/tracked'] = np.bool_((columns['truth/slot'][actors] >= 0).all())
        return columns

    def _feed(self, player: ScenarioPlayer, conditions: SensorConditions) -> SensorFeed:
        return SensorFeed(
            self.cell,
            conditions.streams(self.cell.config),
            step=lambda duration_s: player.advance(player.time_s + duration_s),
            joints=lambda: self._hand.measure(self.cell),
        )

    def _mount(self, c: SensorConditions) -> None:
        camera = replace(self.cell.config.camera, noise=c.camera_noise)
        lidar = replace(self.cell.config.lidar, noise_m=c.lidar_noise_m)
        self.cell.mount(camera, c.T_camera, lidar, c.T_lidar)

    def _sensor_columns(self, c: SensorConditions) -> dict[str, np.ndarray]:
        fixed = self.cell.description.fixed_pose
        sensors = self.cell.description.config.sensors
        return {
            'sensors/T_world_camera': fixed(sensors.camera_frame) @ c.T_camera,
            'sensors/T_world_lidar': fixed(sensors.lidar_frame) @ c.T_lidar,
            'sensors/camera_noise': np.float32(c.camera_noise),
            'sensors/lidar_noise_m': np.float32(c.lidar_noise_m),
            'sensors/camera_latency_s': np.float32(c.camera_latency_s),
            'sensors/lidar_latency_s': np.float32(c.lidar_latency_s),
        }


def _displacement(forward: int, rng: np.random.Generator) -> np.ndarray:
    """A small move and turn; never backwards, where the sensor's own housing is."""
    R = Rotation.from_rotvec(rng.uniform(-MAX_ROTATION_RAD, MAX_ROTATION_RAD, 3)).as_matrix()
    shift = rng.uniform(-MAX_SHIFT_M, MAX_SHIFT_M, 3)
    shift[forward] = abs(shift[forward])
    return make_transform(R, shift)
