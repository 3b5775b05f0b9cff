"""A cell with a free hand that the whole folder plays in."""

import pytest

from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig


@pytest.fixture(scope='session')
def free_cell():
    cell = SimulatedCell(SimulationConfig(scene='empty', count=0, hand_only=True))
    yield cell
    cell.close()
