"""Ten seconds of pushes and of the arm passing in front, watched by several world models."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.sensing import CameraFrame
from sakiyomi_evaluation.cells.truth import TrueScene, Truth
from sakiyomi_evaluation.cells.watcher import Watcher, sense
from sakiyomi_evaluation.perception.disturbances import Disturbances
from sakiyomi_evaluation.perception.hota import TrackingFrame, score
from sakiyomi_evaluation.perception.state_errors import (
    StateError,
    Turns,
    matched_states,
    state_error,
    tracking_frame,
)
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorkspaceConfig

PERIOD_S = 0.1
SEQUENCE_S = 10.0


@dataclass
class SequenceRecord:
    """What one world model made of one sequence."""

    frames: list[TrackingFrame] = field(default_factory=list)
    errors: list[StateError] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns)

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
    truth: TrueScene,
    watchers: list[Watcher],
    seen: np.ndarray,
    seed: int,
    duration_s: float = SEQUENCE_S,
) -> list[SequenceRecord]:
    """One record per watcher; `seen` (N,) says which objects could be found at the start."""
    events = Disturbances(cell, robot, seed)
    records = [SequenceRecord() for _ in watchers]
    names = truth.now().names
    for _ in range(round(duration_s / PERIOD_S)):
        readings, now = sense(cell, _glimpsed(cell, events)), truth.now()
        counted = np.array([seen[names.index(n)] for n in now.names], bool)
        for watcher, record in zip(watchers, records, strict=True):
            scene = watcher.watch(readings)
            inside = counted & on_table(now, watcher.config.workspace)
            record.frames.append(tracking_frame(scene, now, inside))
            record.errors += [
                state_error(state, now, row, turns=record.turns)
                for row, state in matched_states(scene, now, inside)
            ]
    return records


def _glimpsed(cell: SimulatedCell, events: Disturbances) -> tuple[CameraFrame, ...]:
    """Let one period pass; what the camera sees at its own rate before the end of it."""
    frames = max(1, round(PERIOD_S * cell.config.camera.rate_hz))
    seen = []
    for _ in range(frames - 1):
        events.step(PERIOD_S / frames)
        seen.append(cell.camera_frame())
    events.step(PERIOD_S / frames)
    return tuple(seen)


def on_table(truth: Truth, workspace: WorkspaceConfig) -> np.ndarray:
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
