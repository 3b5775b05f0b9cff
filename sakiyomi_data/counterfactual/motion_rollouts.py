"""Candidate motions of a free hand, each simulated from the same instant of one scene."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sakiyomi.scene import GripperCommand, HandMotion, ObjectState
from sakiyomi_data.closed_loop.observed_cell import ObservedCell
from sakiyomi_data.counterfactual.candidate_motions import (
    push_motion,
)
from sakiyomi_data.scenarios.interaction import HISTORY_S, HandScript, Interaction, ScenarioPlayer
from sakiyomi_data.scenarios.manipulation import MIN_GRASP_HEIGHT_M, PUSH_FORCE_N, sample_top_grasp
from sakiyomi_data.scenarios.scene_builder import (
    SceneBuilder,
    SceneRejectedError,
    workspace_center,
)
from simulation_node.bodies.physical_properties import PhysicalProperties
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ
from world_model_node.model.dimensions import NUM_STEPS, STEP_S

NUDGE_M, NUDGE_MPS = 0.02, 0.15
RETREAT_M, RETREAT_S = 0.20, 0.4
MAX_EXTENT_M, MAX_WIDTH_M = 0.16, 0.05  # so that a candidate grasp can miss it or not


class NudgedObject(NamedTuple):
    """An object that was watched being nudged."""

    name: str
    state: ObjectState | None  # its track, where it has one
    properties: PhysicalProperties


def observe_nudge(
    cell: ObservedCell, files: tuple[Path, ...], rng: np.random.Generator
) -> NudgedObject:
    """Stage an object and watch it being nudged.

    Raises:
        WorkFailedError: no draw of the objects suits.
    """
    builder, interaction = cell.build_scene(files, rng, _sample_nudge)
    name, player = interaction.actors[0], ScenarioPlayer(cell.cell, interaction)
    cell.observe(player, float(np.ceil(10.0 * interaction.hand.times_s[-1]) / 10.0))
    return NudgedObject(name, cell.track_of(name), builder.properties[name])


def _sample_nudge(builder: SceneBuilder) -> Interaction:
    """An object that could be grasped; the hand nudges it and leaves upwards."""
    rng = builder.rng
    name = builder.place(
        builder.sample_object(MAX_EXTENT_M), workspace_center() + rng.uniform(-0.04, 0.04, 2)
    )
    width_m = sample_top_grasp(builder, name)[1]
    if width_m > MAX_WIDTH_M:
        raise SceneRejectedError(f'object {name}: {width_m:.3f} m wide, expected {MAX_WIDTH_M} m')
    vertices_world = builder.vertices_world(name)
    z_m = max(MIN_GRASP_HEIGHT_M, 0.4 * float(vertices_world[:, 2].max()))
    nudge = push_motion(
        vertices_world, rng.uniform(0.0, 2.0 * np.pi), 0.0, z_m, NUDGE_M, NUDGE_MPS
    )
    away = nudge.T_world_grasp[[-1, -1]].copy()
    back = nudge.T_world_grasp[0, :3, 3] - nudge.T_world_grasp[1, :3, 3]
    away[:, :3, 3] += 0.5 * back
    away[1, 2, 3] += RETREAT_M
    times_s = np.concatenate(
        [nudge.times_s, nudge.times_s[-1] + np.array([0.15, 0.15 + RETREAT_S])]
    )
    poses = np.concatenate([nudge.T_world_grasp, away])
    start_s = -HISTORY_S + 0.3  # seen at rest before it is touched
    times_s = np.concatenate([[-HISTORY_S], start_s + times_s, [start_s + times_s[-1] + 0.5]])
    poses = np.concatenate([poses[:1], poses, poses[-1:]])
    grip = ((-HISTORY_S, GripperCommand(0.0, PUSH_FORCE_N)),)
    return Interaction('nudge', (name,), hand=HandScript(times_s, poses, grip, 0.0))


def simulate_paths(cell: SimulatedCell, name: str, motions: list[HandMotion]) -> np.ndarray:
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
            paths[row] = [pose.copy() for pose in execute_motion(cell, motion, name)]
        cell.world.restore(kept)
    finally:
        cell.world.forget(kept)
    return paths


def displacements(paths: np.ndarray, center_m: np.ndarray) -> np.ndarray:
    """How far (n, 3) a point (3,) of the object's frame is moved by the end of each path."""
    ends = paths[:, [0, -1]]
    places = ends[..., :3, :3] @ center_m + ends[..., :3, 3]
    return places[:, 1] - places[:, 0]


def execute_motion(cell: SimulatedCell, motion: HandMotion, name: str) -> Iterator[np.ndarray]:
    """Put the free hand where the motion begins and carry it out, for a second.

    Yields the object's pose (4, 4) at the start and after every step of `STEP_S`.
    """
    cell.reset_hand(motion.T_world_grasp[0], float(motion.finger_width_m[0]))
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
