"""Candidate grasps of one object as it was tracked, and how high each of them really lifted it."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import transform_points
from sakiyomi.scene import Gaussian, HiddenProperties
from sakiyomi_evaluation.candidates import RISE_M, drawn_grasps
from sakiyomi_evaluation.watched_cell import WatchedCell
from sakiyomi_evaluation.what_if import simulated_displacements, watched_nudge
from world_model_node.hold.closing import Closing, find_closing
from world_model_node.hold.features import hold_features

HELD_M = 0.5 * RISE_M  # lifted by as much or more it was held


@dataclass(frozen=True)
class Trials:
    """What the fusion knew of one object, n grasps of it, and how they ended in simulation."""

    name: np.ndarray  # () of the object
    points_m: np.ndarray  # (N, 3) float32 its tracked surface, world frame
    center_m: np.ndarray  # (3,) centre of mass, as it was believed
    mass_kg: np.ndarray  # (2,) mean and variance
    friction: np.ndarray  # (2,)
    T_world_grasp: np.ndarray  # (n, 4, 4) as the fingers begin to close
    opening_m: np.ndarray  # (n,)
    force_n: np.ndarray  # (n,)
    lifted_m: np.ndarray  # (n,) truth

    @property
    def features(self) -> np.ndarray:
        """Of every grasp (n, F)."""
        mass, friction = (Gaussian(*map(float, row)) for row in (self.mass_kg, self.friction))
        nothing = np.zeros(3)
        properties = HiddenProperties(mass, friction, mass, nothing, np.zeros((3, 3)))
        return np.stack(
            [
                hold_features(Closing(*row), self.points_m, self.center_m, properties)
                for row in zip(self.T_world_grasp, self.opening_m, self.force_n, strict=True)
            ]
        )

    @property
    def held(self) -> np.ndarray:
        """Whether it ended in the hand (n,) bool."""
        return self.lifted_m >= HELD_M


@dataclass(frozen=True)
class TrialJob:
    """One scene to be tried."""

    files: tuple[Path, ...]  # of objects
    seed: int
    index: int
    candidates: int
    out: Path


def trials_file(folder: Path, index: int) -> Path:
    """Where a scene is kept."""
    return folder / f'grasps_{index:05d}.npz'


def make_trials(job: TrialJob) -> Path:
    """Stage a scene, watch it, try the grasps and keep how they ended; no grasps if untracked."""
    cell, rng = _cell(), np.random.default_rng([job.seed, job.index])
    name, state = watched_nudge(cell, job.files, rng)
    points, center, motions = np.zeros((0, 3)), np.zeros(3), []
    mass = friction = (0.0, 0.0)
    if state is not None and len(state.points_m):
        points = transform_points(state.T_world_object, state.points_m.astype(float))
        p = state.properties
        center = transform_points(state.T_world_object, p.center_of_mass_m[None])[0]
        mass, friction = ((g.mean, g.variance) for g in (p.mass_kg, p.friction))
        motions = drawn_grasps(points, cell.model.scene.table_height_m, job.candidates, rng)
    closings = [find_closing(motion) for motion in motions]
    moved = simulated_displacements(cell.cell, name, motions, cell.center_m)
    path = trials_file(job.out, job.index)
    _write(
        path,
        Trials(
            np.array(name),
            points.astype(np.float32),
            center,
            np.array(mass),
            np.array(friction),
            np.array([c.T_world_grasp for c in closings]).reshape(-1, 4, 4),
            np.array([c.opening_m for c in closings]),
            np.array([c.force_n for c in closings]),
            moved[:, 2],
        ),
    )
    return path


@lru_cache(maxsize=1)
def _cell() -> WatchedCell:
    """One per process."""
    return WatchedCell()


def _write(path: Path, trials: Trials) -> None:
    """Whole or not at all."""
    part = path.with_suffix(f'.{os.getpid()}.part')
    try:
        with part.open('wb') as stream:
            np.savez_compressed(stream, **vars(trials))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def read_trials(folder: Path) -> list[Trials]:
    """Every scene of a folder with at least one grasp, in order.

    Raises:
        BadInputError: no such folder, no scene in it, or one that cannot be read.
    """
    files = sorted(folder.glob('grasps_*.npz')) if folder.is_dir() else []
    if not files:
        raise BadInputError(f'--data {folder}: got no grasps_*.npz, expected at least one')
    scenes = [_read(file) for file in files]
    return [scene for scene in scenes if len(scene.lifted_m)]


def _read(path: Path) -> Trials:
    try:
        with np.load(path) as data:
            trials = Trials(**{field.name: data[field.name] for field in fields(Trials)})
    except Exception as error:  # whatever a damaged archive makes zipfile, zlib or numpy raise
        reason = ' '.join(str(error).split())[:200]
        raise BadInputError(f'{path}: got no scene of grasps: {reason}') from error
    return trials
