"""What the arm, the hand, pushes, throws and the conveyor do to objects."""

import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import from_xyz_rpy
from sakiyomi.scene import GripperCommand, JointTrajectory
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ, SimulationConfig

FORCE_N = 20.0


def pad_forces(cell):
    return [reading.forces_n.sum(0) for reading in cell.tactile()]


@pytest.mark.parametrize('mass', [0.05, 0.3])
def test_a_box_is_felt_lifted_shaken_carried_and_dropped_into_the_bin(cell, box, move, mass):
    name = cell.spawn(box(mass), from_xyz_rpy([0.5, 0.0, 0.026], [0, 0, 0]))
    move(0.5, 0.0, 0.15)
    move(0.5, 0.003, 0.03)
    cell.command_gripper(GripperCommand(0.0, FORCE_N))
    cell.step(1.0)
    for force in pad_forces(cell):
        assert force[2] == pytest.approx(FORCE_N, rel=0.1)
    assert cell.world.robot.finger_width_m() == pytest.approx(0.05, abs=0.001)
    move(0.5, 0.0, 0.25)
    relative = held_at(cell, name)
    for y in (0.1, -0.1, 0.1):
        move(0.5, y, 0.25, duration_s=0.4)
    np.testing.assert_allclose(held_at(cell, name), relative, atol=0.002)
    cell.step(0.5)
    weight = mass * 9.81
    np.testing.assert_allclose(sum(pad_forces(cell))[0], weight, atol=0.15)  # shear to the tips
    np.testing.assert_allclose(cell.wrench().force_n, [0, 0, weight], atol=0.25)
    assert cell.names_in_bin() == []
    move(0.15, 0.52, 0.30, duration_s=2.5)
    cell.command_gripper(GripperCommand(0.08, FORCE_N))
    cell.step(1.0)
    assert cell.names_in_bin() == [name]


def held_at(cell, name):
    T_world_grasp = cell.world.robot.link_pose('panda_grasptarget')
    return (np.linalg.inv(T_world_grasp) @ cell.world.objects.pose(name))[:3, 3]


def test_an_open_hand_feels_nothing_and_an_empty_one_closes(cell):
    for force in pad_forces(cell):
        assert np.abs(force).max() < 0.2
    cell.command_gripper(GripperCommand(0.0, FORCE_N))
    cell.step(1.2)
    assert cell.world.robot.finger_width_m() < 0.002


def test_stop_holds_the_arm_where_it_is(cell):
    q0 = cell.world.robot.arm_q()
    q = np.stack([q0, q0 + 0.5])
    cell.command_arm(JointTrajectory(np.array([0.0, 1.0]), q, np.zeros_like(q)))
    cell.step(0.5)
    cell.stop()
    held = cell.world.robot.arm_q()
    cell.step(0.5)
    assert np.abs(held - q0).min() > 0.1
    np.testing.assert_allclose(cell.world.robot.arm_q(), held, atol=0.02)


def test_time_is_counted_in_steps_and_never_runs_backwards(cell):
    before = cell.time_s
    for _ in range(100):
        cell.step(0.0101)
    assert cell.time_s - before == pytest.approx(1.01, abs=1.5 / PHYSICS_HZ)
    cell.reset(0)
    assert cell.time_s >= before + 1.0


def test_a_push_changes_momentum_by_the_impulse(cell, box):
    name = cell.spawn(box(0.25), from_xyz_rpy([0.5, 0.0, 0.5], [0, 0, 0]))
    cell.apply_impulse(name, np.array([0.1, -0.05, 0.2]))
    np.testing.assert_allclose(cell.ground_truth()[0].twist[:3], [0.4, -0.2, 0.8], atol=1e-9)


def test_a_push_off_the_centre_adds_its_angular_momentum(cell, box):
    name = cell.spawn(box(0.25), from_xyz_rpy([0.5, 0.0, 0.5], [0, 0, 0.4]))
    inertia = 0.25 * (0.05**2 + 0.05**2) / 12.0
    cell.apply_impulse(name, np.array([0.01, 0.0, 0.0]), np.array([0.5, 0.02, 0.5]))
    twist = cell.ground_truth()[0].twist
    np.testing.assert_allclose(twist[3:], [0, 0, -0.02 * 0.01 / inertia], rtol=0.05, atol=1e-6)


def test_a_thrown_object_flies_a_parabola(cell, box):
    start, velocity = np.array([0.4, -0.2, 0.5]), np.array([0.3, 0.8, 1.0])
    cell.spawn(box(), from_xyz_rpy(start, [0, 0, 0]), np.array([*velocity, 1.0, 0.0, 2.0]))
    cell.step(0.25)
    expected = start + velocity * 0.25 - [0, 0, 0.5 * 9.81 * 0.25**2]
    at = cell.ground_truth()[0].T_world_object[:3, 3]
    np.testing.assert_allclose(at, expected, atol=0.015)  # the engine damps 4 % a second


def test_the_conveyor_carries_objects_and_stops(cell, box):
    name = cell.spawn(box(), from_xyz_rpy([0.5, -0.1, 0.0255], [0, 0, 0]))
    cell.set_conveyor(np.array([0.0, 0.15, 0.0]))
    cell.step(0.5)
    truth = cell.ground_truth()[0]
    np.testing.assert_allclose(truth.twist[:3], [0, 0.15, 0], atol=0.01)
    assert truth.T_world_object[2, 3] == pytest.approx(0.025, abs=0.001)
    cell.set_conveyor(np.zeros(3))
    cell.step(0.5)
    assert np.linalg.norm(cell.ground_truth()[0].twist) < 0.01
    assert cell.world.objects.pose(name)[1, 3] > -0.05


def test_removed_objects_are_gone_and_unknown_ones_are_named(cell, box):
    name = cell.spawn(box(), from_xyz_rpy([0.5, 0, 0.03], [0, 0, 0]))
    cell.remove(name)
    assert cell.names == []
    with pytest.raises(BadInputError, match='box'):
        cell.apply_impulse(name, np.zeros(3))


@pytest.mark.parametrize('path', ['/no/such.urdf', '/no/such.step'])
def test_spawning_what_is_not_there_is_refused(cell, path):
    with pytest.raises(BadInputError, match='such'):
        cell.spawn(path, np.eye(4))


def test_the_free_hand_lifts_a_box(box):
    cell = SimulatedCell(SimulationConfig(scene='empty', hand_only=True))
    try:
        name = cell.spawn(box(0.2), from_xyz_rpy([0.5, 0, 0.026], [0, 0, 0]))
        at = cell.world.robot.link_pose('panda_grasptarget')
        for xyz in ([0.5, 0, 0.15], [0.5, 0, 0.03], None, [0.5, 0, 0.25]):
            if xyz is None:
                cell.command_gripper(GripperCommand(0.0, FORCE_N))
                cell.step(1.0)
                continue
            goal = from_xyz_rpy(xyz, [np.pi, 0, 0])
            cell.command_hand(np.array([0.0, 0.8]), np.stack([at, goal]))
            cell.step(1.0)
            at = goal
        np.testing.assert_allclose(cell.world.robot.link_pose('panda_grasptarget'), at, atol=0.002)
        assert cell.world.objects.pose(name)[2, 3] == pytest.approx(0.245, abs=0.005)
        np.testing.assert_allclose(cell.wrench().force_n, [0, 0, 0.2 * 9.81], atol=0.25)
    finally:
        cell.close()
