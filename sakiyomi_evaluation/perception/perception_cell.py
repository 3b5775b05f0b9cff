"""One round of the perception measurement: a scene at rest, in motion, and in the hand."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from planner_node.config import PlannerConfig
from sakiyomi.sensing import CameraFrame
from sakiyomi_data.closed_loop.closed_loop import ClosedLoop
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_data.closed_loop.sensor_feed import Reading, SensorFeed
from sakiyomi_data.closed_loop.streams import StreamTimings
from sakiyomi_evaluation.closed_loop.ground_truth import GroundTruth, GroundTruthReader
from sakiyomi_evaluation.perception.carrying import CarriedRecord, carry
from sakiyomi_evaluation.perception.instances import (
    InstanceScore,
    fused_instances,
    instance_score,
)
from sakiyomi_evaluation.perception.modalities import ALL, modalities
from sakiyomi_evaluation.perception.state_errors import StateError, matched_states, state_error
from sakiyomi_evaluation.perception.tracking_sequence import SequenceRecord, on_table, run_sequence
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from world_model_node.config import WorldModelConfig
from world_model_node.warm_up import freeze_gc

SETTLING_S = 0.5  # at rest before the scene is judged
CARRY_WITH = ('camera only', 'camera + lidar')  # beside the robot's own world model


@dataclass
class ModelResult:
    """What one world model made of a round."""

    score: InstanceScore
    errors: list[StateError]
    times_ms: list[dict[str, float]]
    sequence: SequenceRecord | None = None


@dataclass
class Picture:
    """The scene at rest, for drawing."""

    frame: CameraFrame
    points_m: np.ndarray  # (M, 3)
    labels: np.ndarray  # (M,) of the world model
    truth: GroundTruth
    centers: dict[int, np.ndarray]  # of the tracked objects


@dataclass
class PerceptionResult:
    """One scene."""

    seed: int
    names: tuple[str, ...]
    views: dict[str, ModelResult]
    carried: dict[str, CarriedRecord] = field(default_factory=dict)
    picture: Picture | None = None
    wall_s: float = 0.0


class PerceptionCell:
    """A simulated robot, and world models that look on; the world waits for the planner."""

    def __init__(self, config: SimulationConfig, model: WorldModelConfig, seconds: float) -> None:
        self.model_config, self.seconds = model, seconds
        self.loop = ClosedLoop(SimulatedCell(config), PlannerConfig(), model, clock='wait')

    @property
    def cell(self) -> SimulatedCell:
        """The simulated cell."""
        return self.loop.cell

    def round(self, seed: int, ablate: bool) -> PerceptionResult:
        """One scene; with `ablate` every modality tracks, and an object is carried."""
        started = time.perf_counter()
        self.cell.reset(seed)
        truth, observers = GroundTruthReader(self.cell, seed), self._observers(seed)
        freeze_gc()  # as the node does
        result, seen = self._at_rest(observers, truth, seed)
        if self.seconds > 0.0:
            tracked = observers if ablate else {ALL.name: observers[ALL.name]}
            records = run_sequence(
                self.cell, self.loop.robot, truth, tracked, seen, seed, self.seconds
            )
            for name, record in records.items():
                result.views[name].sequence = record
        if ablate:
            result.carried = carry(self.loop, self._observers(seed, CARRY_WITH), seed)
        gc.unfreeze()
        result.wall_s = time.perf_counter() - started
        return result

    def _observers(self, seed: int, names: tuple[str, ...] = ()) -> dict[str, MaskedModel]:
        """A world model for each modality, or for those named."""
        config, robot = self.model_config, self.loop.robot
        chosen = [m for m in modalities(config) if not names or m.name in names]
        return {m.name: m.observer(config, robot, seed) for m in chosen}

    def _at_rest(
        self, observers: dict[str, MaskedModel], truth: GroundTruthReader, seed: int
    ) -> tuple[PerceptionResult, np.ndarray]:
        newest = self._settle(observers)
        now, camera = truth.now(), newest['camera']
        seen = now.detectable(camera, newest['lidar'])
        seen &= on_table(now, self.model_config.workspace)
        views = {name: _view(observer, now, seen) for name, observer in observers.items()}
        model = observers[ALL.name].model
        centers = {o.id: o.T_world_object[:3, 3] for o in model.scene.objects}
        picture = Picture(camera, *fused_instances(model), now, centers)
        return PerceptionResult(seed, now.names, views, picture=picture), seen

    def _settle(self, observers: dict[str, MaskedModel]) -> dict[str, Reading]:
        """Let the watchers look at the scene at rest; the newest reading of each sensor."""
        feed = SensorFeed(self.cell, StreamTimings.of(self.cell.config))
        newest: dict[str, Reading] = {}
        for stream, reading in chain(feed.read_all(), feed.run(SETTLING_S)):
            newest[stream] = reading
            for observer in observers.values():
                observer.take(stream, reading, self.cell.time_s)
        return newest


def _view(observer: MaskedModel, truth: GroundTruth, seen: np.ndarray) -> ModelResult:
    points, labels = fused_instances(observer.model)
    score = instance_score(labels, truth.labels(points), seen)
    errors = [
        state_error(state, truth, row, shape=True)
        for row, state in matched_states(observer.scene, truth, seen)
    ]
    return ModelResult(score, errors, observer.times_ms)
