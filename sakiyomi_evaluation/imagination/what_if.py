"""One scene, many candidate motions: what a world model imagines and what the engine then does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sakiyomi.geometry import transform_points
from sakiyomi.scene import GripperCommand, HandMotion, ObjectState, Prediction
from sakiyomi_data.closed_loop.watched_cell import WatchedCell
from sakiyomi_evaluation.imagination.candidates import drawn_grasps, drawn_pushes, push
from sakiyomi_evaluation.prediction.predictors import NEAR_TABLE_M, nominal_body
from simulation_node.bodies.hidden import Hidden
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ
from simulation_node.interactions.handled import LOWEST_M, PUSH_FORCE_N, grasp_from_above
from simulation_node.interactions.interaction import WATCH_S, HandScript, Interaction, Play
from simulation_node.interactions.stage import NoRoomError, Stage, place
from simulation_node.objects.hulls import standing
from simulation_node.objects.object_files import volume_and_center
from simulation_node.rollouts.rollout import HullWorld
from world_model_node.model.dimensions import NUM_STEPS, STEP_S

NUDGE_M, NUDGE_MPS = 0.02, 0.15
AWAY_M, AWAY_S = 0.20, 0.4
MOST_EXTENT_M, MOST_WIDTH_M = 0.16, 0.05  # so that a candidate grasp can miss it or not


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
class WhatIf:
    """One scene's outcomes; None where the object had no track to imagine with."""

    name: str
    pushes: Outcomes | None
    grasps: Outcomes | None


def ask(
    cell: WatchedCell,
    hulls: HullWorld,
    files: tuple[Path, ...],
    seed: int,
    index: int,
    candidates: int,
) -> WhatIf:
    """Stage scene `index` of the seed, watch it being nudged, and ask what if.

    Raises:
        WorkFailedError: no draw of the objects suits.
    """
    rng = np.random.default_rng([seed, index])
    name, state, _ = watched_nudge(cell, files, rng)
    if state is None or not len(state.points_m):
        return WhatIf(name, None, None)
    points = transform_points(state.T_world_object, state.points_m.astype(float))
    table_m = cell.model.scene.table_height_m
    kinds = [draw(points, table_m, candidates, rng) for draw in (drawn_pushes, drawn_grasps)]
    return WhatIf(name, *(_outcomes(cell, hulls, name, state, motions) for motions in kinds))


class Nudged(NamedTuple):
    """An object that was watched being nudged."""

    name: str
    state: ObjectState | None  # its track, where it has one
    hidden: Hidden


def watched_nudge(cell: WatchedCell, files: tuple[Path, ...], rng: np.random.Generator) -> Nudged:
    """Stage an object and watch it being nudged.

    Raises:
        WorkFailedError: no draw of the objects suits.
    """
    stage, interaction = cell.staged(files, rng, _drawn)
    name, play = interaction.actors[0], Play(cell.cell, interaction)
    cell.watch(play, float(np.ceil(10.0 * interaction.hand.times_s[-1]) / 10.0))
    return Nudged(name, cell.track_of(name), stage.hidden[name])


def _drawn(stage: Stage) -> Interaction:
    """An object that could be grasped; the hand nudges it and leaves upwards."""
    rng = stage.rng
    name = stage.lay(stage.choose(MOST_EXTENT_M), place() + rng.uniform(-0.04, 0.04, 2))
    width_m = grasp_from_above(stage, name)[1]
    if width_m > MOST_WIDTH_M:
        raise NoRoomError(f'object {name}: {width_m:.3f} m wide, expected {MOST_WIDTH_M} m')
    points = stage.points(name)
    z_m = max(LOWEST_M, 0.4 * float(points[:, 2].max()))
    nudge = push(points, rng.uniform(0.0, 2.0 * np.pi), 0.0, z_m, NUDGE_M, NUDGE_MPS)
    away = nudge.T_world_grasp[[-1, -1]].copy()
    back = nudge.T_world_grasp[0, :3, 3] - nudge.T_world_grasp[1, :3, 3]
    away[:, :3, 3] += 0.5 * back
    away[1, 2, 3] += AWAY_M
    times_s = np.concatenate([nudge.times_s, nudge.times_s[-1] + np.array([0.15, 0.15 + AWAY_S])])
    poses = np.concatenate([nudge.T_world_grasp, away])
    start_s = -WATCH_S + 0.3  # seen at rest before it is touched
    times_s = np.concatenate([[-WATCH_S], start_s + times_s, [start_s + times_s[-1] + 0.5]])
    poses = np.concatenate([poses[:1], poses, poses[-1:]])
    grip = ((-WATCH_S, GripperCommand(0.0, PUSH_FORCE_N)),)
    return Interaction('nudge', (name,), hand=HandScript(times_s, poses, grip, 0.0))


def _outcomes(
    cell: WatchedCell,
    hulls: HullWorld,
    name: str,
    state: ObjectState,
    motions: list[HandMotion],
) -> Outcomes:
    started = time.perf_counter()
    predictions = [p for (p,) in cell.model.imagine(motions, [state.id])]
    imagine_s = time.perf_counter() - started
    started = time.perf_counter()
    center = volume_and_center(cell.cell.shape(name))[1]
    simulated = displacements(simulated_paths(cell.cell, name, motions), center)
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
    hulls: HullWorld, state: ObjectState, table_m: float, motions: list[HandMotion]
) -> np.ndarray:
    """What the engine says (n, 3) of all that a robot knows: what one would use instead."""
    points = state.points_m.astype(float)
    points, T = standing(points, state.T_world_object, table_m, NEAR_TABLE_M)
    body = nominal_body(points, T, np.zeros(6), held=False)
    return displacements(simulated_paths(hulls.cell, hulls.stand(body), motions), np.zeros(3))


def _displacement(prediction: Prediction, state: ObjectState) -> np.ndarray:
    return prediction.T_world_object[-1, :3, 3] - state.T_world_object[:3, 3]


def simulated_paths(cell: SimulatedCell, name: str, motions: list[HandMotion]) -> np.ndarray:
    """Poses (n, STEPS + 1, 4, 4) that an object really takes, all from the same instant.

    Args:
        cell: with a free hand; as it is now once this returns.
        name: of the object.
        motions: of the hand, which begins each where it starts.
    """
    kept = cell.world.save()
    try:
        paths = np.zeros((len(motions), NUM_STEPS + 1, 4, 4))
        for row, motion in enumerate(motions):
            cell.world.restore(kept)
            paths[row] = [pose.copy() for pose in carry_out(cell, motion, name)]
        cell.world.restore(kept)
    finally:
        cell.world.forget(kept)
    return paths


def displacements(paths: np.ndarray, center_m: np.ndarray) -> np.ndarray:
    """How far (n, 3) a point (3,) of the object's frame is moved by the end of each path."""
    ends = paths[:, [0, -1]]
    places = ends[..., :3, :3] @ center_m + ends[..., :3, 3]
    return places[:, 1] - places[:, 0]


def carry_out(cell: SimulatedCell, motion: HandMotion, name: str) -> Iterator[np.ndarray]:
    """Put the free hand where the motion begins and carry it out, for a second.

    Yields the object's pose (4, 4) at the start and after every step of `STEP_S`.
    """
    cell.put_hand(motion.T_world_grasp[0], float(motion.finger_width_m[0]))
    cell.command_hand(motion.times_s, motion.T_world_grasp)
    cell.command_gripper(GripperCommand(float(motion.finger_width_m[0]), motion.force_n))
    shut = np.flatnonzero(np.diff(motion.finger_width_m))
    shut_tick = round(float(motion.times_s[shut[0]]) * PHYSICS_HZ) if len(shut) else 0
    step, done = round(STEP_S * PHYSICS_HZ), 0
    yield cell.world.objects.pose(name)
    for tick in sorted({shut_tick, *range(step, NUM_STEPS * step + 1, step)}):
        cell.step((tick - done) / PHYSICS_HZ)
        done = tick
        if tick == shut_tick:
            cell.command_gripper(GripperCommand(float(motion.finger_width_m[-1]), motion.force_n))
        if tick and tick % step == 0:
            yield cell.world.objects.pose(name)
