"""An object in the hand, hidden by the fingers and carried off: tracked with touch or without."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from planner_node.errors import PlanError
from planner_node.execution import PickExecution, PickPlan
from sakiyomi.geometry import rotation_angle
from sakiyomi.pick_request import PickRequest
from sakiyomi.scene import JointTrajectory, Scene
from sakiyomi_evaluation.cells.pick_cell import CONTROL_PERIOD_S, SENSOR_PERIOD_S, PickCell
from sakiyomi_evaluation.cells.truth import TrueScene, Truth
from sakiyomi_evaluation.cells.watcher import Watcher, sense
from sakiyomi_evaluation.perception.state_errors import in_ellipsoid_90

LIMIT_S = 30.0
LIFTED_M = 0.03
GRIPPED_N = 0.5  # on both pads
REACH_M = 0.05  # a track farther than this from the object has lost it


@dataclass
class CarriedRecord:
    """What one world model made of the carried object."""

    center_mm: list[float] = field(default_factory=list)
    turn_rad: list[float] = field(default_factory=list)  # of the rotation since the grasp
    inside: list[bool] = field(default_factory=list)  # of the 90 % ellipsoid
    frames: int = 0
    found: int = 0  # frames in which the object's own track was within 5 cm

    def figures(self) -> dict[str, float | None]:
        """Medians over the frames in which it was tracked, and the share of those."""
        return {
            'center_mm': float(np.median(self.center_mm)) if self.center_mm else None,
            'rotation_rad': float(np.median(self.turn_rad)) if self.turn_rad else None,
            'coverage_90': float(np.mean(self.inside)) if self.inside else None,
            'tracked_share': self.found / self.frames if self.frames else None,
            'frames': self.frames,
        }


class Follower:
    """Compares one world model's track of the carried object with the truth."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.record = CarriedRecord()
        self._id: int | None = None
        self._R_start: tuple[np.ndarray, np.ndarray] | None = None

    def aim(self, truth: Truth, row: int) -> None:
        """Remember which track is the object's before it is touched."""
        near = _gaps(self.watcher.scene, truth.centers_m[row])
        self._id = min(near, key=near.get, default=None)
        state = None if self._id is None else self.watcher.scene.object_by_id(self._id)
        if state is not None:
            self._R_start = state.T_world_object[:3, :3], truth.T_world_object[row, :3, :3]

    def compare(self, truth: Truth, row: int) -> None:
        """Take the errors of this instant."""
        self.record.frames += 1
        state = None if self._id is None else self.watcher.scene.object_by_id(self._id)
        if state is None or self._R_start is None:
            return
        gap_m = float(np.linalg.norm(state.T_world_object[:3, 3] - truth.centers_m[row]))
        if gap_m > REACH_M:
            return
        self.record.found += 1
        self.record.center_mm.append(1e3 * gap_m)
        self.record.inside.append(in_ellipsoid_90(state, truth.centers_m[row]))
        told, true = self._R_start
        turned = state.T_world_object[:3, :3] @ told.T
        self.record.turn_rad.append(
            rotation_angle(turned.T @ truth.T_world_object[row, :3, :3] @ true.T)
        )


def carry(pick: PickCell, watchers: list[Watcher], seed: int) -> list[CarriedRecord] | None:
    """Pick one object while the watchers look on; None where nothing could be picked."""
    truth = TrueScene(pick.cell, seed)
    try:
        plan = pick.planner.plan(pick.observe(), pick.state(), PickRequest())
    except PlanError:
        return None
    followers = [Follower(watcher) for watcher in watchers]
    for _ in range(3):
        pick.cell.step(SENSOR_PERIOD_S)
        _watch(pick, followers)
    row = _target(plan, truth.now())
    for follower in followers:
        follower.aim(truth.now(), row)
    _execute(pick, plan, truth, row, followers)
    return [follower.record for follower in followers]


def _execute(
    pick: PickCell, plan: PickPlan, truth: TrueScene, row: int, followers: list[Follower]
) -> None:
    cell = pick.cell
    started_s, rest_m = cell.time_s, truth.now().centers_m[row, 2]
    execution = PickExecution(plan, pick.planner.config.execution)
    due_s = started_s
    while not execution.done and cell.time_s - started_s < LIMIT_S:
        for command in execution.step(pick.state()):
            if isinstance(command, JointTrajectory):
                cell.command_arm(command)
            else:
                cell.command_gripper(command)
        cell.step(CONTROL_PERIOD_S)
        if cell.time_s >= due_s:
            due_s += SENSOR_PERIOD_S
            _watch(pick, followers)
            now, force = truth.now(), pick.state().finger_force_n
            if now.centers_m[row, 2] > rest_m + LIFTED_M and (force > GRIPPED_N).all():
                for follower in followers:
                    follower.compare(now, row)


def _watch(pick: PickCell, followers: list[Follower]) -> None:
    readings = sense(pick.cell)
    for follower in followers:
        follower.watcher.watch(readings)


def _target(plan: PickPlan, truth: Truth) -> int:
    """The true object that the grasp is for: the nearest to the grasp."""
    gaps = np.linalg.norm(truth.surfaces_m - plan.grasp.T_world_grasp[:3, 3], axis=2)
    return int(gaps.min(axis=1).argmin())


def _gaps(scene: Scene, center_m: np.ndarray) -> dict[int, float]:
    return {o.id: float(np.linalg.norm(o.T_world_object[:3, 3] - center_m)) for o in scene.objects}
