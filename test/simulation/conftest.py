"""One work cell for the whole folder; every test lays its own scene."""

import os
from pathlib import Path

import numpy as np
import pytest

from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory
from simulation_node.cell import SimulatedCell
from simulation_node.config import SimulationConfig

BOX = """<robot name="box"><link name="box">
  <contact><lateral_friction value="0.8"/></contact>
  <inertial><mass value="{mass}"/></inertial>
  <visual><geometry><box size="{size} {size} {size}"/></geometry></visual>
  <collision><geometry><box size="{size} {size} {size}"/></geometry></collision>
</link></robot>"""
HOUSEHOLD = Path(os.environ.get('SAKIYOMI_TEST_OBJECTS', '../shared/data/objects/packed/train'))


@pytest.fixture(scope='session')
def session_cell():
    cell = SimulatedCell(SimulationConfig(scene='empty'))
    yield cell
    cell.close()


@pytest.fixture
def cell(session_cell):
    """An empty table, the arm at home, seed 0."""
    session_cell.reset(0, objects='random_urdfs', scene='empty', count=5)
    return session_cell


@pytest.fixture(scope='session')
def robot(session_cell):
    return RobotModel(session_cell.description)


@pytest.fixture
def box(tmp_path):
    """Writes the URDF of a cube and returns its path."""

    def write(mass=0.2, size=0.05):
        path = tmp_path / 'box.urdf'
        path.write_text(BOX.format(mass=mass, size=size))
        return path

    return write


@pytest.fixture
def household():
    if not HOUSEHOLD.is_dir():
        pytest.skip(f'no objects in {HOUSEHOLD}; set SAKIYOMI_TEST_OBJECTS to a folder of URDFs')
    return str(HOUSEHOLD)


@pytest.fixture
def move(cell, robot):
    """Moves the grasp frame, pointing down, to a place and waits for it."""

    def to(x, y, z, duration_s=1.5):
        T_world_grasp = np.diag([1.0, -1.0, -1.0, 1.0])
        T_world_grasp[:3, 3] = x, y, z
        start = cell.world.robot.arm_q()
        goal = robot.inverse_kinematics(T_world_grasp, start)
        assert goal is not None
        s = np.linspace(0, 1, 30)[:, None]
        q = start + (10 * s**3 - 15 * s**4 + 6 * s**5) * (goal - start)
        dq = (30 * s**2 - 60 * s**3 + 30 * s**4) / duration_s * (goal - start)
        cell.command_arm(JointTrajectory(s[:, 0] * duration_s, q, dq))
        cell.step(duration_s + 0.1)

    return to
