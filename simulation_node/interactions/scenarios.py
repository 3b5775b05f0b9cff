"""Every scenario by name, and how one is set up from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError, WorkFailedError
from simulation_node.cell import SimulatedCell
from simulation_node.interactions.free import FREE
from simulation_node.interactions.handled import HANDLED
from simulation_node.interactions.interaction import FUTURE_S, Interaction, Play
from simulation_node.interactions.stage import NoRoomError, Stage

SCENARIOS = HANDLED | FREE
MAX_DRAWS = 60
LEAST_PATH_M, PROBES = 0.02, 11  # in the second after t0


def check_scenarios(names: tuple[str, ...]) -> None:
    """Raise BadInputError unless every name is a scenario's, and there is one."""
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown or not names:
        got = ', '.join(unknown) or 'none'
        raise BadInputError(f'scenarios: got {got}, expected some of {", ".join(SCENARIOS)}')


def set_up(
    cell: SimulatedCell, scenario: str, files: tuple[Path, ...], rng: np.random.Generator
) -> tuple[Stage, Interaction]:
    """An empty table, objects on it, and what will happen to them; the clock is at 0.

    What no hand touches is played once unseen: a draw after which nothing moves is drawn again.

    Raises:
        WorkFailedError: no draw of the objects suits the scenario.
    """
    for _ in range(MAX_DRAWS):
        state = rng.bit_generator.state
        try:
            interaction = _drawn(cell, scenario, files, rng)[1]
        except NoRoomError:
            continue
        if interaction.hand is None and not _moves(cell, interaction):
            continue
        rng.bit_generator.state = state
        return _drawn(cell, scenario, files, rng)
    raise WorkFailedError(
        f'{scenario}: got {len(files)} objects, none suited in {MAX_DRAWS} draws;'
        ' expected some that fit the table and the hand'
    )


def _drawn(
    cell: SimulatedCell, scenario: str, files: tuple[Path, ...], rng: np.random.Generator
) -> tuple[Stage, Interaction]:
    cell.reset(int(rng.integers(2**31)), scene='empty', count=0)
    cell.restart_clock()
    stage = Stage(cell, files, rng)
    interaction = SCENARIOS[scenario](stage)
    cell.restart_clock()
    return stage, interaction


def _moves(cell: SimulatedCell, interaction: Interaction) -> bool:
    """Whether an actor goes some way between t0 and the end."""
    play = Play(cell, interaction)
    at, path_m = {}, dict.fromkeys(interaction.actors, 0.0)
    for time_s in np.linspace(0.0, FUTURE_S, PROBES):
        play.advance(float(time_s))
        for name in path_m:
            now = cell.world.objects.pose(name)[:3, 3]
            path_m[name] += float(np.linalg.norm(now - at.get(name, now)))
            at[name] = now
    return max(path_m.values()) > LEAST_PATH_M
