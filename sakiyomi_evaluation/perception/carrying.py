"""An object in the hand, hidden by the fingers and carried off: tracked with touch or without."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from planner_node.pick_plan import PickPlan
from sakiyomi.geometry import rotation_angle
from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.closed_loop import ClosedLoop
from sakiyomi_data.closed_loop.masked_model import MaskedModel
from sakiyomi_evaluation.closed_loop.arm_cell import FIRST_OBSERVATION_S
from sakiyomi_evaluation.closed_loop.ground_truth import GroundTruth, GroundTruthReader
from sakiyomi_evaluation.perception.modalities import ALL
from sakiyomi_evaluation.perception.state_errors import in_ellipsoid_90

LIFTED_M = 0.03
GRIPPED_N = 0.5  # on both pads
MAX_MATCH_DISTANCE_M = 0.05  # a track farther than this from the object has lost it


@dataclass
class CarriedRecord:
    """What one world model made of the carried object."""

    center_mm: list[float] = field(default_factory=list)
    rotation_error_rad: list[float] = field(
        default_factory=list
    )  # of the rotation since the grasp
    inside: list[bool] = field(default_factory=list)  # of the 90 % ellipsoid
    frames: int = 0
    found: int = 0  # frames in which the object's own track was within 5 cm

    def figures(self) -> dict[str, float | None]:
        """Medians over the frames in which it was tracked, and the share of those."""
        return {
            'center_mm': float(np.median(self.center_mm)) if self.center_mm else None,
            'rotation_rad': float(np.median(self.rotation_error_rad))
            if self.rotation_error_rad
            else None,
            'coverage_90': float(np.mean(self.inside)) if self.inside else None,
            'tracked_share': self.found / self.frames if self.frames else None,
            'frames': self.frames,
        }


class CarriedTrack:
    """Compares one world model's track of the carried object with the truth."""

    def __init__(self, observer: MaskedModel) -> None:
        self.observer = observer
        self.record = CarriedRecord()
        self._id: int | None = None
        self._R_start: tuple[np.ndarray, np.ndarray] | None = None

    def assign_track(self, truth: GroundTruth, row: int) -> None:
        """Remember which track is the object's before it is touched."""
        near = _gaps(self.observer.scene, truth.centers_m[row])
        self._id = min(near, key=near.get, default=None)
        state = None if self._id is None else self.observer.scene.object_by_id(self._id)
        if state is not None:
            self._R_start = state.T_world_object[:3, :3], truth.T_world_object[row, :3, :3]

    def compare(self, truth: GroundTruth, row: int) -> None:
        """Take the errors of this instant."""
        self.record.frames += 1
        state = None if self._id is None else self.observer.scene.object_by_id(self._id)
        if state is None or self._R_start is None:
            return
        gap_m = float(np.linalg.norm(state.T_world_object[:3, 3] - truth.centers_m[row]))
        if gap_m > MAX_MATCH_DISTANCE_M:
            return
        self.record.found += 1
        self.record.center_mm.append(1e3 * gap_m)
        self.record.inside.append(in_ellipsoid_90(state, truth.centers_m[row]))
        tracked_rotation, true_rotation = self._R_start
        turned = state.T_world_object[:3, :3] @ tracked_rotation.T
        self.record.rotation_error_rad.append(
            rotation_angle(turned.T @ truth.T_world_object[row, :3, :3] @ true_rotation.T)
        )


class CarryEvaluation:
    """Judges the robot's own world model, and others that look on, while an object is in the hand.

    Args:
        loop: that picks.
        observers: the others, by name.
        seed: of the true surfaces.
    """

    def __init__(self, loop: ClosedLoop, observers: dict[str, MaskedModel], seed: int) -> None:
        self._loop, self._truth = loop, GroundTruthReader(loop.cell, seed)
        everyone = {ALL.name: loop.masked_model} | observers
        self.followers = {name: CarriedTrack(observer) for name, observer in everyone.items()}
        self._plan: PickPlan | None = None
        self._row, self._rest_m = 0, 0.0
        self._up = False
        for follower in self.followers.values():
            follower.observer.on_scene = lambda _, own=follower: self._compare(own)

    def assign_track(self, loop: ClosedLoop) -> None:
        """Once there is a plan: find the object that it is for; what is up remains the object."""
        plan = loop.job.plan if loop.job is not None else None
        if plan is None or plan is self._plan or self._up:
            return
        truth = self._truth.now()
        self._plan, self._row = plan, _target(plan, truth)
        self._rest_m = truth.centers_m[self._row, 2]
        for follower in self.followers.values():
            follower.assign_track(truth, self._row)

    def _compare(self, follower: CarriedTrack) -> None:
        state = self._loop.state()
        if self._plan is None or not (state.finger_force_n > GRIPPED_N).all():
            return
        now = self._truth.now()
        if now.centers_m[self._row, 2] > self._rest_m + LIFTED_M:
            self._up = True
            follower.compare(now, self._row)


def carry(
    loop: ClosedLoop, observers: dict[str, MaskedModel], seed: int
) -> dict[str, CarriedRecord]:
    """Pick one object while the watchers look on; no records where nothing could be picked."""
    loop.reset(seed)
    carrying, on_step = CarryEvaluation(loop, observers, seed), loop.on_step
    loop.observers, loop.on_step = list(observers.values()), carrying.assign_track
    try:
        loop.run(FIRST_OBSERVATION_S)
        job = loop.pick()
    finally:
        loop.observers, loop.on_step = [], on_step
    if job.plan is None:
        return {}
    return {name: follower.record for name, follower in carrying.followers.items()}


def _target(plan: PickPlan, truth: GroundTruth) -> int:
    """The true object that the grasp is for: the nearest to the grasp."""
    gaps = np.linalg.norm(truth.surfaces_m - plan.grasp.T_world_grasp[:3, 3], axis=2)
    return int(gaps.min(axis=1).argmin())


def _gaps(scene: Scene, center_m: np.ndarray) -> dict[int, float]:
    return {o.id: float(np.linalg.norm(o.T_world_object[:3, 3] - center_m)) for o in scene.objects}
