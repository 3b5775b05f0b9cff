"""Plays one seeded interaction before the whole chain of sensors and fusion, and notes it all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.geometry import make_transform
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import Scene
from sakiyomi_training.episodes.free_hand import FreeHand
from sakiyomi_training.episodes.hand_notes import HandNotes
from sakiyomi_training.episodes.layout import BEFORE, FINE_S, FRAME_S, FRAMES, Episode
from sakiyomi_training.episodes.scene_columns import note_scenes
from sakiyomi_training.episodes.truth_columns import TruthNotes
from simulation_node.cell import SimulatedCell
from simulation_node.config import (
    CAMERA_LINK,
    HAND_LINK,
    LIDAR_LINK,
    PHYSICS_HZ,
    CameraConfig,
    LidarConfig,
    SimulationConfig,
)
from simulation_node.interactions.interaction import WATCH_S, Play
from simulation_node.interactions.scenarios import set_up
from world_model_node.config import WorldModelConfig
from world_model_node.core import WorldModel

WIDTH, HEIGHT = 320, 240
CAMERA_HZ = 30.0  # as depth cameras run; the live simulation would take a whole core for it
SHIFT_M, TURN_RAD = 0.08, np.radians(6.0)  # of camera and LiDAR from where they stand
LATENCIES_S = (0.0, 0.05)
TOUCH_S = 1.0 / 60.0


@dataclass(frozen=True)
class Conditions:
    """How the sensors stand and what they are worth in one episode."""

    T_camera: np.ndarray  # (4, 4) displacement in its own frame
    T_lidar: np.ndarray
    camera_noise: float  # scale
    lidar_noise_m: float
    camera_latency_s: float
    lidar_latency_s: float

    @staticmethod
    def drawn(rng: np.random.Generator) -> Conditions:
        """Anything that may be."""
        return Conditions(
            _displacement(2, rng),
            _displacement(0, rng),
            float(rng.uniform(0.5, 2.0)),
            float(rng.uniform(0.002, 0.008)),
            float(rng.uniform(*LATENCIES_S)),
            float(rng.uniform(*LATENCIES_S)),
        )


class Recorder:
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
        self._uses_lidar = lidar
        self._camera = CameraConfig(width=width, height=height, rate_hz=CAMERA_HZ)
        self._lidar = LidarConfig() if rays is None else LidarConfig(rays=rays)
        config = SimulationConfig(scene='empty', count=0, hand_only=True)
        self.cell = SimulatedCell(replace(config, camera=self._camera, lidar=self._lidar))
        self._hand = FreeHand(RobotModel(self.cell.description))
        # what is recorded must not depend on what was learned from earlier recordings
        plain = WorldModelConfig(dynamics='physics_prior')
        self.model = WorldModel(model or plain, self._hand)
        self.scenes: list[Scene] = []

    def close(self) -> None:
        """Release the cell."""
        self.cell.close()

    def episode(
        self, scenario: str, files: tuple[Path, ...], seed: int, index: int, watch=None
    ) -> Episode:
        """Episode `index` of the stream of episodes with this seed.

        Args:
            scenario: its name.
            files: of the objects to choose from.
            seed: of the stream.
            index: in the stream.
            watch: called with the cell after every frame, for pictures.

        Raises:
            WorkFailedError: no draw of the objects suits the scenario.
        """
        rng = np.random.default_rng([seed, index])
        stage, interaction = set_up(self.cell, scenario, files, rng)
        conditions = Conditions.drawn(rng)
        self._mount(conditions)
        self.model.reset()
        self.scenes = []
        play = Play(self.cell, interaction)
        truth, hand = TruthNotes(self.cell, stage, interaction), HandNotes(self._hand, interaction)
        for frame in range(FRAMES):
            self._frame(play, (frame - BEFORE) * FRAME_S, conditions, truth, hand)
            if watch is not None:
                watch(self.cell)
        columns = {
            'episode/scenario': np.str_(scenario),
            'episode/index': np.int32(index),
            **note_scenes(self.scenes, self._t0_s),
            **hand.columns(self.cell.config.gripper_speed_mps),
            **self._sensor_columns(conditions),
        }
        columns |= truth.columns(columns)
        actors = columns['truth/actor'] & columns['truth/present']
        columns['episode/tracked'] = np.bool_((columns['truth/slot'][actors] >= 0).all())
        return columns

    def _frame(
        self,
        play: Play,
        now_s: float,
        conditions: Conditions,
        truth: TruthNotes,
        hand: HandNotes,
    ) -> None:
        """On to `now_s`, each sensor read when its latency says, then one update."""
        cell, model = self.cell, self.model
        first = max(round((now_s - FRAME_S) / TOUCH_S) + 1, -round(WATCH_S / TOUCH_S))
        touches = np.arange(first, round(now_s / TOUCH_S) + 1) * TOUCH_S
        due = [(t, lambda: self._sense_touch(hand)) for t in touches]
        camera_s = now_s - conditions.camera_latency_s
        frames = camera_s - np.arange(round(FRAME_S * self._camera.rate_hz)) / self._camera.rate_hz
        frames = [t for t in frames if t > -WATCH_S or t == camera_s]
        due += [(t, lambda: model.add_camera(cell.camera_frame())) for t in frames]
        if self._uses_lidar:
            lidar_s = now_s - conditions.lidar_latency_s
            due.append((lidar_s, lambda: model.add_lidar(cell.lidar_scan())))
        halves = [t for t in (now_s - FINE_S, now_s) if t > -WATCH_S - 1e-6]
        due += [(t, lambda: (truth.note(), hand.close_window())) for t in halves]
        for t, act in sorted(due, key=lambda pair: round(pair[0] * PHYSICS_HZ)):
            play.advance(t)
            act()
        self.scenes.append(model.update(cell.time_s))
        if abs(now_s) < 1e-9:
            self._t0_s = cell.time_s

    def _sense_touch(self, hand: HandNotes) -> None:
        cell, model = self.cell, self.model
        T_world_hand = cell.world.robot.link_pose(HAND_LINK)
        joints = self._hand.reading(T_world_hand, cell.joints())
        wrench, pads = cell.wrench(), cell.tactile()
        model.add_joints(joints)
        model.add_wrench(wrench)
        for pad in pads:
            model.add_tactile(pad)
        hand.feel(joints, wrench, pads)

    def _mount(self, c: Conditions) -> None:
        camera = replace(self._camera, noise=c.camera_noise)
        lidar = replace(self._lidar, noise_m=c.lidar_noise_m)
        self.cell.mount(camera, c.T_camera, lidar, c.T_lidar)

    def _sensor_columns(self, c: Conditions) -> dict[str, np.ndarray]:
        fixed = self.cell.description.fixed_pose
        return {
            'sensors/T_world_camera': fixed(CAMERA_LINK) @ c.T_camera,
            'sensors/T_world_lidar': fixed(LIDAR_LINK) @ c.T_lidar,
            'sensors/camera_noise': np.float32(c.camera_noise),
            'sensors/lidar_noise_m': np.float32(c.lidar_noise_m),
            'sensors/camera_latency_s': np.float32(c.camera_latency_s),
            'sensors/lidar_latency_s': np.float32(c.lidar_latency_s),
        }


def _displacement(forward: int, rng: np.random.Generator) -> np.ndarray:
    """A small move and turn; never backwards, where the sensor's own housing is."""
    R = Rotation.from_rotvec(rng.uniform(-TURN_RAD, TURN_RAD, 3)).as_matrix()
    shift = rng.uniform(-SHIFT_M, SHIFT_M, 3)
    shift[forward] = abs(shift[forward])
    return make_transform(R, shift)
