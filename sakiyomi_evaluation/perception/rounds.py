"""One round of the perception measurement: a scene at rest, in motion, and in the hand."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field

import numpy as np

from planner_node.config import PlannerConfig
from sakiyomi.sensing import CameraFrame
from sakiyomi_evaluation.cells.pick_cell import PickCell
from sakiyomi_evaluation.cells.truth import TrueScene, Truth
from sakiyomi_evaluation.cells.watcher import ALL, MODALITIES, Modality, Watcher, segmenters, sense
from sakiyomi_evaluation.perception.carrying import CarriedRecord, carry
from sakiyomi_evaluation.perception.instances import InstanceScore, instance_score
from sakiyomi_evaluation.perception.sequences import (
    PERIOD_S,
    SequenceRecord,
    on_table,
    run_sequence,
)
from sakiyomi_evaluation.perception.state_errors import StateError, matched_states, state_error
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig
from world_model_node.config import WorldModelConfig
from world_model_node.warm_up import spare_collections

SETTLING_FRAMES = 6  # at rest before the scene is judged
CARRY_WITH = ('camera only', 'camera + lidar', ALL.name)


@dataclass
class View:
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
    truth: Truth
    centers: dict[int, np.ndarray]  # of the tracked objects


@dataclass
class Round:
    """One scene."""

    seed: int
    names: tuple[str, ...]
    views: dict[str, View]
    carried: dict[str, CarriedRecord] = field(default_factory=dict)
    picture: Picture | None = None
    wall_s: float = 0.0


class PerceptionCell:
    """A simulated cell with a planner, and world models that look on."""

    def __init__(self, config: SimulationConfig, model: WorldModelConfig, seconds: float) -> None:
        self.model_config, self.seconds = model, seconds
        self.pick = PickCell(SimulatedCell(config), PlannerConfig(), model)

    @property
    def cell(self) -> SimulatedCell:
        """The simulated cell."""
        return self.pick.cell

    def modalities(self) -> tuple[Modality, ...]:
        """The full one first, then those with less, then the other segmenters."""
        others = [name for name in segmenters(self.model_config) if name != self._segmenter()]
        return (ALL, *MODALITIES, *(Modality(f'all, {n}', segmenter=n) for n in others))

    def round(self, seed: int, ablate: bool) -> Round:
        """One scene; with `ablate` every modality tracks, and an object is carried."""
        started = time.perf_counter()
        self.cell.reset(seed)
        truth = TrueScene(self.cell, seed)
        watchers = [self._watcher(m, seed) for m in self.modalities()]
        spare_collections()  # as the node does
        result, seen = self._at_rest(watchers, truth, seed)
        if self.seconds > 0.0:
            tracked = watchers if ablate else watchers[:1]
            records = run_sequence(
                self.cell, self.pick.robot, truth, tracked, seen, seed, self.seconds
            )
            for watcher, record in zip(tracked, records, strict=True):
                result.views[watcher.modality.name].sequence = record
        if ablate:
            result.carried = self._carried(seed)
        for watcher in watchers:
            result.views[watcher.modality.name].times_ms = watcher.times_ms
        gc.unfreeze()
        result.wall_s = time.perf_counter() - started
        return result

    def _at_rest(
        self, watchers: list[Watcher], truth: TrueScene, seed: int
    ) -> tuple[Round, np.ndarray]:
        for _ in range(SETTLING_FRAMES):
            self.cell.step(PERIOD_S)
            readings = sense(self.cell)
            for watcher in watchers:
                watcher.watch(readings)
        now = truth.now()
        seen = now.seen_by(readings.camera, readings.lidar)
        seen &= on_table(now, self.model_config.workspace)
        views = {w.modality.name: _view(w, now, seen) for w in watchers}
        points, labels = watchers[0].instances()
        centers = {o.id: o.T_world_object[:3, 3] for o in watchers[0].scene.objects}
        picture = Picture(readings.camera, points, labels, now, centers)
        return Round(seed, now.names, views, picture=picture), seen

    def _carried(self, seed: int) -> dict[str, CarriedRecord]:
        """The same scene once more, picked from."""
        self.pick.reset(seed)
        watchers = [self._watcher(m, seed) for m in self.modalities() if m.name in CARRY_WITH]
        records = carry(self.pick, watchers, seed)
        if records is None:
            return {}
        return {w.modality.name: r for w, r in zip(watchers, records, strict=True)}

    def _watcher(self, modality: Modality, seed: int) -> Watcher:
        return Watcher(modality, self.model_config, self.pick.robot, seed)

    def _segmenter(self) -> str:
        return getattr(self.model_config, 'segmenter', '')


def _view(watcher: Watcher, truth: Truth, seen: np.ndarray) -> View:
    points, labels = watcher.instances()
    score = instance_score(labels, truth.labels(points), seen)
    errors = [
        state_error(state, truth, row, shape=True)
        for row, state in matched_states(watcher.scene, truth, seen)
    ]
    return View(score, errors, watcher.times_ms)
