"""The targets of a request, and their grasps ordered by predicted success."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner_node.config import PlannerConfig
from planner_node.errors import PlanError
from planner_node.grasping.grasp import Grasp
from planner_node.grasping.outcome_model import OutcomeModel
from planner_node.grasping.proposer import GraspProposer, with_denser_sampling
from sakiyomi.geometry import transform_points
from sakiyomi.pick_request import PickRequest
from sakiyomi.robot.hand_geometry import HandGeometry
from sakiyomi.scene import ObjectState, Scene


class GraspRanker:
    """Proposes grasps and ranks them by an outcome model.

    Args:
        config: of the planner.
        outcomes: predicts the outcome of each candidate.
        hand: that grasps.
    """

    def __init__(self, config: PlannerConfig, outcomes: OutcomeModel, hand: HandGeometry) -> None:
        self._config, self._outcomes = config, outcomes
        # the finer search is for scenes in which the first one finds nothing
        self._proposers = (
            GraspProposer(config.grasp, hand),
            GraspProposer(with_denser_sampling(config.grasp), hand),
        )

    def rank(self, scene: Scene, request: PickRequest) -> list[Grasp]:
        """All grasps worth trying, the most promising first.

        Raises:
            PlanError: nothing to pick, or no grasp on it.
        """
        targets = select_targets(scene, request)
        for proposer in self._proposers:
            candidates = [g for target in targets for g in proposer.propose(scene, target)]
            outcomes = self._outcomes.evaluate(scene, candidates, request.force_limit_n)
            grasps = [
                replace(g, predicted_success=o.success_probability, force_n=o.force_n)
                for g, o in zip(candidates, outcomes, strict=True)
                if o.success_probability >= self._config.min_success
            ]
            if grasps:
                return _diverse(sorted(grasps, key=lambda g: -g.predicted_success))
        raise PlanError('no_grasp', 'no collision-free grasp that is likely to hold')


def select_targets(scene: Scene, request: PickRequest) -> list[ObjectState]:
    """The visible objects that a request may mean.

    Raises:
        PlanError: there is none.
    """
    pickable = [o for o in scene.objects if o.visible and not o.held]
    pickable = [o for o in pickable if o.id not in request.exclude]
    if request.target == 'id':
        pickable = [o for o in pickable if o.id == request.object_id]
    if not pickable:
        known = ', '.join(str(o.id) for o in scene.objects) or 'none'
        asked = f'object {request.object_id}' if request.target == 'id' else 'any object'
        raise PlanError('no_target', f'asked for {asked}, tracked are: {known}')
    if request.target == 'point':
        distance = [_distance_m(o, request.point_m) for o in pickable]
        pickable = [pickable[int(np.argmin(distance))]]
    return pickable


def _distance_m(target: ObjectState, point_m: np.ndarray) -> float:
    own = transform_points(target.T_world_object, target.observed_points_m)
    return float(np.linalg.norm(own - point_m, axis=1).min())


def _diverse(grasps: list[Grasp], apart_m: float = 0.01, apart_rad: float = 0.4) -> list[Grasp]:
    """The ranked list without near-copies of better grasps."""
    kept: list[Grasp] = []
    for grasp in grasps:
        T = grasp.T_world_grasp
        copy = any(
            np.linalg.norm(T[:3, 3] - k.T_world_grasp[:3, 3]) < apart_m
            and np.arccos(np.clip(T[:3, 2] @ k.T_world_grasp[:3, 2], -1, 1)) < apart_rad
            and abs(T[:3, 1] @ k.T_world_grasp[:3, 1]) > np.cos(apart_rad)
            for k in kept
        )
        if not copy:
            kept.append(grasp)
        if len(kept) >= 100:
            break
    return kept
