"""Staging a scene, watching it, and trying candidate motions from that very instant."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sakiyomi.geometry import transform_points
from sakiyomi.scene import HandMotion
from sakiyomi_data.closed_loop.watched_cell import WatchedCell
from sakiyomi_evaluation.imagination.candidates import drawn_grasps, drawn_pushes
from sakiyomi_evaluation.imagination.what_if import Nudged, simulated_paths, watched_nudge
from sakiyomi_training.trials.scene import TrialScene, trials_file, write_trials
from sakiyomi_training.world_model.examples.episode_examples import PROPERTY_NAMES
from simulation_node.objects.object_files import volume_and_center
from world_model_node.model.grasp_success.grasp_attempt import find_grasp_attempt


@dataclass(frozen=True)
class TrialJob:
    """One scene to be tried."""

    files: tuple[Path, ...]  # of objects
    seed: int
    index: int
    candidates: int  # of each kind
    out: Path


def make_trials(job: TrialJob) -> Path:
    """Stage, watch, try and write one scene."""
    cell, rng = _cell(), np.random.default_rng([job.seed, job.index])
    nudged = watched_nudge(cell, job.files, rng)
    scene = None
    if nudged.state is not None and len(nudged.state.points_m):
        scene = _tried(cell, nudged, job.candidates, rng)
    path = trials_file(job.out, job.index)
    write_trials(path, scene)
    return path


@lru_cache(maxsize=1)
def _cell() -> WatchedCell:
    """One per process."""
    return WatchedCell()


def _tried(
    cell: WatchedCell, nudged: Nudged, candidates: int, rng: np.random.Generator
) -> TrialScene:
    name, state, hidden = nudged
    points = transform_points(state.T_world_object, state.points_m.astype(float))
    table_m = cell.model.scene.table_height_m
    motions = drawn_pushes(points, table_m, candidates, rng)
    motions += drawn_grasps(points, table_m, candidates, rng)
    framed, action = cell.model.dynamics.network_inputs(motions)
    T_true = cell.cell.world.objects.pose(name)
    (truth,) = [item for item in cell.cell.ground_truth() if item.name == name]
    paths = simulated_paths(cell.cell, name, motions)
    center = volume_and_center(cell.cell.shape(name))[1]
    p = state.properties
    closing_poses, openings = _closings(motions)
    return TrialScene(
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
        true_hidden=np.array([getattr(hidden, key) for key in PROPERTY_NAMES]),
        true_mass_center_m=T_true[:3, :3] @ hidden.center_of_mass_m + T_true[:3, 3],
    )


def _closings(motions: list[HandMotion]) -> tuple[np.ndarray, np.ndarray]:
    """Poses (n, 4, 4) and openings (n,) as fingers begin to close; NaN where they do not."""
    poses, openings = np.full((len(motions), 4, 4), np.nan), np.full(len(motions), np.nan)
    for row, motion in enumerate(motions):
        closing = find_grasp_attempt(motion)
        if closing is not None:
            poses[row], openings[row] = closing.T_world_grasp, closing.opening_m
    return poses, openings
