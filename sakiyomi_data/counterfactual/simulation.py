"""Staging a scene, watching it, and trying candidate motions from that very instant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sakiyomi.geometry import transform_points
from sakiyomi.scene import HandMotion
from sakiyomi_data.closed_loop.observed_cell import ObservedCell
from sakiyomi_data.counterfactual.candidate_motions import sample_grasps, sample_pushes
from sakiyomi_data.counterfactual.counterfactual_scene import (
    CounterfactualScene,
    counterfactual_file,
    write_counterfactual,
)
from sakiyomi_data.counterfactual.motion_rollouts import (
    NudgedObject,
    observe_nudge,
    simulate_paths,
)
from sakiyomi_data.episodes.layout import PROPERTY_NAMES
from simulation_node.objects.object_files import volume_and_center
from world_model_node.model.grasp_success.grasp_attempt import find_grasp_attempt


@dataclass(frozen=True)
class CounterfactualJob:
    """One scene to be tried."""

    files: tuple[Path, ...]  # of objects
    seed: int
    index: int
    candidates: int  # of each kind
    out: Path


def simulate_scene(job: CounterfactualJob) -> Path:
    """Stage, watch, try and write one scene."""
    cell, rng = _cell(), np.random.default_rng([job.seed, job.index])
    nudge = observe_nudge(cell, job.files, rng)
    scene = None
    if nudge.state is not None and len(nudge.state.points_m):
        scene = _simulate_candidates(cell, nudge, job.candidates, rng)
    path = counterfactual_file(job.out, job.index)
    write_counterfactual(path, scene)
    return path


@lru_cache(maxsize=1)
def _cell() -> ObservedCell:
    """One per process."""
    return ObservedCell()


def _simulate_candidates(
    cell: ObservedCell, nudge: NudgedObject, candidates: int, rng: np.random.Generator
) -> CounterfactualScene:
    name, state, properties = nudge
    points = transform_points(state.T_world_object, state.points_m.astype(float))
    table_m = cell.model.scene.table_height_m
    motions = sample_pushes(points, table_m, candidates, rng)
    motions += sample_grasps(points, table_m, candidates, rng)
    framed, action = cell.model.dynamics.network_inputs(motions)
    T_true = cell.cell.world.objects.pose(name)
    (truth,) = [item for item in cell.cell.ground_truth() if item.name == name]
    paths = simulate_paths(cell.cell, name, motions)
    center = volume_and_center(cell.cell.shape(name))[1]
    p = state.properties
    closing_poses, openings = _closings(motions)
    return CounterfactualScene(
        name=np.array(name),
        points_m=points.astype(np.float32),
        T_world_object=state.T_world_object,
        mass_center_m=transform_points(state.T_world_object, p.center_of_mass_m[None])[0],
        mass_kg=np.array([p.mass_kg.mean, p.mass_kg.variance]),
        friction=np.array([p.friction.mean, p.friction.variance]),
        window=framed,
        row=np.array(framed.ids.index(state.id)),
        action=action,
        grasps=np.isfinite(openings),
        T_world_closing=closing_poses,
        opening_m=openings,
        force_n=np.array([motion.force_n for motion in motions]),
        T_world_true=paths,
        center_m=paths[..., :3, :3] @ center + paths[..., :3, 3],
        true_twist=truth.twist,
        true_hidden=np.array([getattr(properties, key) for key in PROPERTY_NAMES]),
        true_mass_center_m=T_true[:3, :3] @ properties.center_of_mass_m + T_true[:3, 3],
    )


def _closings(motions: list[HandMotion]) -> tuple[np.ndarray, np.ndarray]:
    """Poses (n, 4, 4) and openings (n,) as fingers begin to close; NaN where they do not."""
    poses, openings = np.full((len(motions), 4, 4), np.nan), np.full(len(motions), np.nan)
    for row, motion in enumerate(motions):
        closing = find_grasp_attempt(motion)
        if closing is not None:
            poses[row], openings[row] = closing.T_world_grasp, closing.opening_m
    return poses, openings
