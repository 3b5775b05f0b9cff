"""Every scenario by name, and how one is set up from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError, WorkFailedError
from simulation_node.cell import SimulatedCell
from simulation_node.interactions.free import FREE
from simulation_node.interactions.handled import HANDLED
from simulation_node.interactions.interaction import Interaction
from simulation_node.interactions.stage import NoRoomError, Stage

SCENARIOS = HANDLED | FREE
MAX_DRAWS = 40


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

    Raises:
        WorkFailedError: no draw of the objects suits the scenario.
    """
    for _ in range(MAX_DRAWS):
        cell.reset(int(rng.integers(2**31)), scene='empty', count=0)
        cell.restart_clock()
        stage = Stage(cell, files, rng)
        try:
            interaction = SCENARIOS[scenario](stage)
        except NoRoomError:
            continue
        cell.restart_clock()
        return stage, interaction
    raise WorkFailedError(
        f'{scenario}: got {len(files)} objects, none suited in {MAX_DRAWS} draws;'
        ' expected some that fit the table and the hand'
    )
