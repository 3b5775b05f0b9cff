"""Outcomes of candidate motions in one scene: imagined by the world model, then simulated."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakiyomi.geometry import transform_points
from sakiyomi.scene import HandMotion, ObjectState, Prediction
from sakiyomi_data.closed_loop.observed_cell import ObservedCell
from sakiyomi_data.counterfactual.candidate_motions import (
    sample_grasps,
    sample_pushes,
)
from sakiyomi_data.counterfactual.motion_rollouts import (
    displacements,
    observe_nudge,
    simulate_paths,
)
from sakiyomi_data.rollouts.hull_simulator import HullSimulator
from sakiyomi_evaluation.prediction.predictors import NEAR_TABLE_M, nominal_body
from simulation_node.objects.hulls import rest_on_table
from simulation_node.objects.object_files import volume_and_center


@dataclass(frozen=True)
class Outcomes:
    """What becomes of an object under each of n candidates."""

    imagined_m: np.ndarray  # (n, 3) the centre's displacement by the end
    nominal_m: np.ndarray  # (n, 3) PyBullet's, from the tracked hull with nominal properties
    simulated_m: np.ndarray  # (n, 3) what really happens
    held: np.ndarray  # (n,) imagined probability that it is in the hand at the end
    imagine_s: float  # wall time of imagining all
    simulate_s: float


@dataclass(frozen=True)
class SceneOutcomes:
    """One scene's outcomes; None where the object had no track to imagine with."""

    name: str
    pushes: Outcomes | None
    grasps: Outcomes | None


def evaluate_scene(
    cell: ObservedCell,
    hulls: HullSimulator,
    files: tuple[Path, ...],
    seed: int,
    index: int,
    candidates: int,
) -> SceneOutcomes:
    """Stage scene `index` of the seed, watch it being nudged, and ask what if.

    Raises:
        WorkFailedError: no draw of the objects suits.
    """
    rng = np.random.default_rng([seed, index])
    name, state, _ = observe_nudge(cell, files, rng)
    if state is None or not len(state.points_m):
        return SceneOutcomes(name, None, None)
    points = transform_points(state.T_world_object, state.points_m.astype(float))
    table_m = cell.model.scene.table_height_m
    kinds = [draw(points, table_m, candidates, rng) for draw in (sample_pushes, sample_grasps)]
    return SceneOutcomes(
        name, *(_outcomes(cell, hulls, name, state, motions) for motions in kinds)
    )


def _outcomes(
    cell: ObservedCell,
    hulls: HullSimulator,
    name: str,
    state: ObjectState,
    motions: list[HandMotion],
) -> Outcomes:
    started = time.perf_counter()
    predictions = [p for (p,) in cell.model.imagine(motions, [state.id])]
    imagine_s = time.perf_counter() - started
    started = time.perf_counter()
    center = volume_and_center(cell.cell.shape(name))[1]
    simulated = displacements(simulate_paths(cell.cell, name, motions), center)
    simulate_s = time.perf_counter() - started
    return Outcomes(
        np.array([_displacement(p, state) for p in predictions]),
        _nominal(hulls, state, cell.model.scene.table_height_m, motions),
        simulated,
        np.array([p.held_probability[-1] for p in predictions]),
        imagine_s,
        simulate_s,
    )


def _nominal(
    hulls: HullSimulator, state: ObjectState, table_m: float, motions: list[HandMotion]
) -> np.ndarray:
    """What the engine says (n, 3) of all that a robot knows: what one would use instead."""
    points = state.points_m.astype(float)
    points, T = rest_on_table(points, state.T_world_object, table_m, NEAR_TABLE_M)
    body = nominal_body(points, T, np.zeros(6), held=False)
    return displacements(simulate_paths(hulls.cell, hulls.place_alone(body), motions), np.zeros(3))


def _displacement(prediction: Prediction, state: ObjectState) -> np.ndarray:
    return prediction.T_world_object[-1, :3, 3] - state.T_world_object[:3, 3]
