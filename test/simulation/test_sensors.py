import numpy as np
import pytest

from sakiyomi.geometry import from_xyz_rpy, inverse, transform_points
from sakiyomi.robot.robot_config import read_robot_config
from simulation_node.sensors.camera import axial_sigma_m
from simulation_node.sensors.lidar import Lidar
from simulation_node.sensors.tactile import (
    distribute_to_taxels,
    pad_contacts,
    taxel_points,
)

HAND = read_robot_config().hand


def test_the_same_seed_and_stamp_give_the_same_readings(cell):
    def readings():
        cell.reset(4, scene='packed', count=3)
        cell.step(0.1)
        frame, (left, _) = cell.camera_frame(), cell.tactile()
        return [
            frame.color,
            frame.depth_m,
            left.forces_n,
            cell.wrench().force_n,
            cell.joints().position,
        ]

    for first, second in zip(readings(), readings(), strict=True):
        np.testing.assert_array_equal(first, second)


def test_asking_twice_at_one_stamp_changes_nothing(cell):
    np.testing.assert_array_equal(cell.camera_frame().depth_m, cell.camera_frame().depth_m)
    np.testing.assert_array_equal(cell.lidar_scan().points_m, cell.lidar_scan().points_m)


def test_another_stamp_or_seed_gives_other_noise(cell):
    first = cell.camera_frame().depth_m
    cell.step(0.1)
    later = cell.camera_frame().depth_m
    cell.reset(1, scene='empty')
    other_seed = cell.camera_frame().depth_m
    assert (first != later).mean() > 0.3
    assert (first != other_seed).mean() > 0.3


def test_the_depth_of_a_box_is_right_within_the_stated_noise(cell, box):
    size, centre = 0.12, np.array([0.5, 0.0, 0.06])
    cell.spawn(box(size=size), from_xyz_rpy(centre, [0, 0, 0.3]))
    frame = cell.camera_frame()
    points, depth = backprojected(frame)
    T_world_box = cell.ground_truth()[0].T_world_object
    inside = transform_points(inverse(T_world_box), points)
    top = (np.abs(inside[:, :2]) < 0.05).all(1) & (np.abs(inside[:, 2] - size / 2) < 0.02)
    assert top.sum() > 500
    error = inside[top, 2] - size / 2  # along the vertical
    ray_down = -frame.T_world_camera[2, :3] @ [0, 0, 1]
    sigma = axial_sigma_m(np.full(1, depth[top].mean()), np.ones(1))[0] * ray_down
    assert abs(error.mean()) < 0.0005
    assert error.std() == pytest.approx(sigma, rel=0.25)


def test_depth_has_holes_at_edges_and_specks_and_whole_millimetres(cell, box):
    cell.spawn(box(size=0.12), from_xyz_rpy([0.5, 0.0, 0.06], [0, 0, 0]))
    depth = cell.camera_frame().depth_m
    assert 0.001 < (depth[240:, 100:500] == 0).mean() < 0.05
    millimetres = depth.astype(float) * 1000
    assert np.abs(millimetres - np.rint(millimetres)).max() < 1e-3


def test_a_thing_of_its_own_colour_keeps_it_and_white_things_get_distinct_ones(cell, box):
    names = [
        cell.spawn(box(), from_xyz_rpy([0.45, y, 0.026], [0, 0, 0])) for y in (-0.08, 0.0, 0.08)
    ]
    frame = cell.camera_frame()
    seen = []
    for name in names:
        at = cell.world.objects.pose(name)[:3, 3] + [0, 0, 0.025]
        p = frame.intrinsics @ transform_points(inverse(frame.T_world_camera), at[None])[0]
        u, v = np.rint(p[:2] / p[2]).astype(int)
        seen.append(frame.color[v, u].astype(int))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(seen[i] - seen[j]).max() > 30


def test_lidar_ranges_are_right_within_the_stated_noise(cell):
    scan = cell.lidar_scan()
    world = transform_points(scan.T_world_lidar, scan.points_m.astype(float))
    rays = world - scan.T_world_lidar[:3, 3]
    floor = (np.abs(world[:, 2]) < 0.05) & (world[:, 0] > 0.25) & (world[:, 1] < 0.2)
    along = world[floor, 2] / (rays[floor, 2] / np.linalg.norm(rays[floor], axis=1))
    assert floor.sum() > 1000
    assert abs(along.mean()) < 5e-4
    assert along.std() == pytest.approx(cell.config.lidar.noise_m, rel=0.1)


def test_the_lidar_pattern_stays_in_its_field_of_view_and_does_not_repeat(cell):
    lidar = Lidar(cell.config.lidar, np.eye(4))
    scans = [lidar.directions(0.1 * k) for k in range(1, 4)]
    for scan in scans:
        np.testing.assert_allclose(np.linalg.norm(scan, axis=1), 1.0, atol=1e-6)
        off_axis = np.degrees(np.arccos(np.clip(scan[:, 0], -1, 1)))
        assert off_axis.max() <= cell.config.lidar.fov_deg / 2 + 1e-3
        assert off_axis.max() > 0.9 * cell.config.lidar.fov_deg / 2
    assert np.abs(scans[0] - scans[1]).max() > 0.05
    assert np.abs(scans[1] - scans[2]).max() > 0.05


def test_taxel_forces_sum_to_the_contact_forces():
    rng = np.random.default_rng(0)
    points = rng.uniform(-HAND.pad_length_m, HAND.pad_length_m, (20, 3))
    forces = rng.normal(size=(20, 3))
    np.testing.assert_allclose(
        distribute_to_taxels(points, forces, taxel_points(HAND), 0.003).sum(0),
        forces.sum(0),
        atol=1e-12,
    )


def test_a_contact_on_a_taxel_presses_that_taxel_most():
    taxels, force = taxel_points(HAND), np.array([[0.0, 0.0, 5.0]])
    assert len(taxels) > 1
    for i, at in enumerate(taxels):
        felt = distribute_to_taxels(at[None].astype(float), force, taxels, 0.001)
        assert felt[:, 2].argmax() == i


def test_a_pad_feels_neither_pulls_nor_touches_elsewhere_on_the_finger():
    points = np.array([[0, 0, 0], [0, 0, 0], [0.04, 0, 0], [0, 0, 0.01]], float)
    forces = np.array([[0, 0, 3.0], [0, 0, -3.0], [0, 0, 3.0], [0, 0, 3.0]])
    at, felt = pad_contacts(points, forces, np.eye(4), HAND)
    np.testing.assert_array_equal(felt, [[0, 0, 3.0]])
    assert len(at) == 1


def backprojected(frame):
    """World points (N, 3) and depths (N,) of the pixels that are no holes."""
    v, u = np.nonzero(frame.depth_m)
    z = frame.depth_m[v, u].astype(float)
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(frame.intrinsics).T
    return transform_points(frame.T_world_camera, rays * z[:, None]), z
