"""Every scenario by name, and how one is set up from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_data.scenarios.free_motion import FREE_MOTION_SCENARIOS
from sakiyomi_data.scenarios.interaction import HORIZON_S, Interaction, ScenarioPlayer
from sakiyomi_data.scenarios.manipulation import MANIPULATION_SCENARIOS
from sakiyomi_data.scenarios.scene_builder import SceneBuilder, SceneRejectedError
from simulation_node.cell import SimulatedCell

SCENARIOS = MANIPULATION_SCENARIOS | FREE_MOTION_SCENARIOS
MAX_ATTEMPTS = 60
MIN_PATH_M, NUM_PROBES = 0.02, 11  # in the second after t0


def check_scenarios(names: tuple[str, ...]) -> None:
    """Raise BadInputError unless every name is a scenario's, and there is one."""
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown or not names:
        got = ', '.join(unknown) or 'none'
        raise BadInputError(f'scenarios: got {got}, expected some of {", ".join(SCENARIOS)}')


def set_up_scenario(
    cell: SimulatedCell, scenario: str, files: tuple[Path, ...], rng: np.random.Generator
) -> tuple[SceneBuilder, Interaction]:
    """An empty table, objects on it, and what will happen to them; the clock is at 0.

    What no hand touches is played once unseen: a draw after which nothing moves is drawn again.

    Raises:
        WorkFailedError: no draw of the objects suits the scenario.
    """
    for _ in range(MAX_ATTEMPTS):
        state = rng.bit_generator.state
        try:
            interaction = _sample_interaction(cell, scenario, files, rng)[1]
        except SceneRejectedError:
            continue
        if interaction.hand is None and not _any_actor_moves(cell, interaction):
            continue
        rng.bit_generator.state = state
        return _sample_interaction(cell, scenario, files, rng)
    raise WorkFailedError(
        f'{scenario}: got {len(files)} objects, none suited in {MAX_ATTEMPTS} draws;'
        ' expected some that fit the table and the hand'
    )


def _sample_interaction(
    cell: SimulatedCell, scenario: str, files: tuple[Path, ...], rng: np.random.Generator
) -> tuple[SceneBuilder, Interaction]:
    cell.reset(int(rng.integers(2**31)), scene='empty', count=0)
    cell.restart_clock()
    builder = SceneBuilder(cell, files, rng)
    interaction = SCENARIOS[scenario](builder)
    cell.restart_clock()
    return builder, interaction


def _any_actor_moves(cell: SimulatedCell, interaction: Interaction) -> bool:
    """Whether an actor goes some way between t0 and the end."""
    player = ScenarioPlayer(cell, interaction)
    at, path_m = {}, dict.fromkeys(interaction.actors, 0.0)
    for time_s in np.linspace(0.0, HORIZON_S, NUM_PROBES):
        player.advance(float(time_s))
        for name in path_m:
            now = cell.world.objects.pose(name)[:3, 3]
            path_m[name] += float(np.linalg.norm(now - at.get(name, now)))
            at[name] = now
    return max(path_m.values()) > MIN_PATH_M
