"""Ten seconds of pushes and of the arm passing in front, watched by several world models."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_data.closed_loop.sensor_feed import SensorFeed
from sakiyomi_data.closed_loop.streams import StreamTimings
from sakiyomi_evaluation.closed_loop.ground_truth import GroundTruth, GroundTruthReader
from sakiyomi_evaluation.perception.disturbances import Disturbances
from sakiyomi_evaluation.perception.hota import TrackingFrame, score
from sakiyomi_evaluation.perception.state_errors import (
    RotationTracker,
    StateError,
    matched_states,
    state_error,
    tracking_frame,
)
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorkspaceConfig

SEQUENCE_S = 10.0


@dataclass
class SequenceRecord:
    """What one world model made of one sequence."""

    frames: list[TrackingFrame] = field(default_factory=list)
    errors: list[StateError] = field(default_factory=list)
    rotation_tracker: RotationTracker = field(default_factory=RotationTracker)

    def add(self, scene: Scene, now: GroundTruth, counted: np.ndarray) -> None:
        """Take in a new scene beside the truth of its instant."""
        self.frames.append(tracking_frame(scene, now, counted))
        self.errors += [
            state_error(state, now, row, rotation_tracker=self.rotation_tracker)
            for row, state in matched_states(scene, now, counted)
        ]

    def figures(self) -> dict[str, float]:
        """HOTA, its parts and the identity switches."""
        result = score(self.frames)
        return {
            'hota': result.hota,
            'detection': result.detection,
            'association': result.association,
            'id_switches': result.id_switches,
        }


def run_sequence(
    cell: SimulatedCell,
    robot: RobotModel,
    truth: GroundTruthReader,
    observers: dict[str, MaskedModel],
    seen: np.ndarray,
    seed: int,
    duration_s: float = SEQUENCE_S,
) -> dict[str, SequenceRecord]:
    """One record per watcher; `seen` (N,) says which objects could be found at the start."""
    events = Disturbances(cell, robot, seed)
    feed = SensorFeed(cell, StreamTimings.of(cell.config), step=events.step)
    records = {name: SequenceRecord() for name in observers}
    names = truth.now().names
    for stream, reading in feed.run(duration_s):
        updated = [n for n, w in observers.items() if w.take(stream, reading, cell.time_s)]
        if not updated:
            continue
        now = truth.now()
        counted = np.array([seen[names.index(n)] for n in now.names], bool)
        for name in updated:
            observer = observers[name]
            inside = counted & on_table(now, observer.model.config.workspace)
            records[name].add(observer.scene, now, inside)
    return records


def on_table(truth: GroundTruth, workspace: WorkspaceConfig) -> np.ndarray:
    """Which objects are where objects are looked for. (N,)."""
    x, y, z = truth.centers_m.T
    w = workspace
    return (
        (x > w.x_min_m)
        & (x < w.x_max_m)
        & (y > w.y_min_m)
        & (y < w.y_max_m)
        & (z > 0.0)
        & (z < w.z_max_m)
    )
