"""Objects that are seen to leave are dropped."""

import gc
import tracemalloc

import pytest

from sakiyomi.robot.robot_description import compose
from sakiyomi.robot.robot_model import RobotModel
from simulation_node.cell import SimulatedCell
from simulation_node.config import CameraConfig, LidarConfig, SimulationConfig
from world_model_node.config import TimingConfig, TrackingConfig, WorldModelConfig
from world_model_node.core import WorldModel

PERIOD_S, LOOKS, CYCLES = 0.1, 15, 6
GROWTH_KIB = 77.0  # over the last half of the cycles: half a MiB a minute


@pytest.fixture
def cell():
    sensors = {'camera': CameraConfig(width=160, height=120), 'lidar': LidarConfig(rays=500)}
    cell = SimulatedCell(SimulationConfig(count=0, scene='empty', **sensors))
    yield cell
    cell.close()


def look(cell, model):
    """One period of every sensor, and the update from its picture."""
    for _ in range(6):
        cell.step(PERIOD_S / 6)
        model.add_joints(cell.joints())
        model.add_wrench(cell.wrench())
        for reading in cell.tactile():
            model.add_tactile(reading)
    model.add_lidar(cell.lidar_scan())
    model.add_camera(cell.camera_frame())
    model.update(cell.time_s)
    model.predict()


@pytest.mark.slow
def test_objects_that_come_move_and_go_leave_no_memory_behind(cell):
    short = TimingConfig(joint_buffer=40, tactile_buffer=40)
    tracking = TrackingConfig(vanish_frames=1, unseen_timeout_s=0.2)
    model = WorldModel(WorldModelConfig(timing=short, tracking=tracking), RobotModel(compose()))
    held_kib, seen = [], set()
    tracemalloc.start()
    for _ in range(CYCLES):
        cell.reset(3, scene='packed', count=2)
        for number in range(LOOKS):
            look(cell, model)
            if number == LOOKS // 2:
                cell.apply_impulse(cell.names[0], [0.02, 0.01, 0.0])
        seen |= {o.id for o in model.scene.objects}
        cell.reset(3, scene='empty', count=0)
        for _ in range(LOOKS):
            look(cell, model)
        assert not model.scene.objects
        gc.collect()
        held_kib.append(tracemalloc.get_traced_memory()[0] / 1024)
    tracemalloc.stop()
    assert len(seen) >= CYCLES
    assert held_kib[-1] - held_kib[CYCLES // 2 - 1] < GROWTH_KIB, held_kib
