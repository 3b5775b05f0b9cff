import sys
from dataclasses import replace

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from synthetic import camera, on_table
from tracking_runs import nearest, watch

from world_model_node.config import NoiseConfig, WorkspaceConfig, WorldModelConfig
from world_model_node.core import WorldModel
from world_model_node.fusion.points import PointSet, fuse_voxels
from world_model_node.fusion.range_points import DepthView, project
from world_model_node.fusion.support_plane import HORIZONTAL, fit_support

RED, GREY = (200, 60, 60), (150, 150, 150)
TWINS = [
    on_table(0.5, -0.035, (0.05, 0.05, 0.06), GREY),
    on_table(0.5, 0.035, (0.05, 0.05, 0.06), GREY),
]


def test_boxes_2_cm_apart_are_two_objects_within_5_mm(model):
    scene = watch(model, TWINS)[-1]
    assert len(scene.objects) == 2
    for box in TWINS:
        found, gap = nearest(scene, box.center)
        assert gap < 0.005
        assert np.allclose(np.ptp(found.points_m, axis=0), box.size, atol=0.012)


@pytest.mark.parametrize('sensors', [('camera',), ('lidar',)])
def test_either_range_sensor_alone_gives_the_scene(model, sensors):
    scene = watch(model, TWINS, sensors=sensors)[-1]
    assert len(scene.objects) == 2
    assert max(nearest(scene, box.center)[1] for box in TWINS) < 0.015
    assert {'camera', 'lidar'} - set(sensors) <= set(scene.stale)


def test_a_missing_sensor_makes_the_rest_less_certain():
    both, one = WorldModel(WorldModelConfig()), WorldModel(WorldModelConfig())
    sure = watch(both, TWINS)[-1].objects[0].pose_covariance
    unsure = watch(one, TWINS, sensors=('camera',))[-1].objects[0].pose_covariance
    assert np.trace(unsure[:3, :3]) > np.trace(sure[:3, :3])


def test_touching_boxes_of_two_colours_are_two_objects(model):
    boxes = [
        on_table(0.5, -0.025, (0.05, 0.05, 0.06), RED),
        on_table(0.5, 0.025, (0.05, 0.05, 0.04), (60, 90, 200)),
    ]
    scene = watch(model, boxes)[-1]
    assert len(scene.objects) == 2
    assert max(nearest(scene, box.center)[1] for box in boxes) < 0.008


def test_a_print_on_a_flat_face_does_not_divide_a_box(model):
    # the border between two colours on one face is coplanar
    boxes = [
        on_table(0.5, -0.02, (0.06, 0.04, 0.05), RED),
        on_table(0.5, 0.02, (0.06, 0.04, 0.05), (60, 90, 200)),
    ]
    assert len(watch(model, boxes)[-1].objects) == 1


def test_an_empty_table_has_no_objects(model):
    scene = watch(model, [])[-1]
    assert scene.objects == () and len(scene.cloud_m) == 0


def test_the_cloud_lies_on_the_boxes_and_has_unit_normals(model):
    scene = watch(model, TWINS)[-1]
    outside = [
        np.maximum(np.abs(scene.cloud_m - np.array(b.center)) - 0.5 * np.array(b.size), 0.0)
        for b in TWINS
    ]
    distance = np.min([np.linalg.norm(d, axis=1) for d in outside], axis=0)
    assert np.percentile(distance, 95) < 0.008
    assert np.allclose(np.linalg.norm(scene.normals, axis=1), 1.0, atol=1e-4)


@pytest.mark.parametrize('table_m', [-0.02, 0.0, 0.015])
def test_the_table_below_many_objects_is_found_within_1_mm(table_m):
    boxes = [on_table(x, y, (0.07, 0.07, 0.03)) for x in (0.4, 0.5, 0.6) for y in (-0.1, 0.0, 0.1)]
    rng = np.random.default_rng(1)
    view = DepthView(camera(1.0, boxes, rng, table_m), WorkspaceConfig(), NoiseConfig())
    plane = fit_support(view.near_table(), WorkspaceConfig(), HORIZONTAL)
    assert abs(plane.table_height_m(0.5, 0.0) - table_m) < 0.001


def test_projection_undoes_back_projection():
    frame = camera(1.0, TWINS)
    points = DepthView(frame, WorkspaceConfig(), NoiseConfig()).near_table()
    u, v, z = project(points, frame)
    assert np.allclose(frame.depth_m[v, u], z, atol=1e-5)


def test_fusing_equal_points_averages_their_noise_away():
    n = 100
    points = PointSet(
        np.tile(np.float32([0.5, 0.0, 0.1]), (n, 1)),
        np.full(n, 0.01, np.float32),
        np.full((n, 3), 9.0, np.float32),
        np.ones(n, np.float32),
    )
    one = fuse_voxels(points, 0.003)
    assert len(one) == 1 and one.sigma_m[0] == pytest.approx(0.001, rel=1e-5)


def test_a_precise_point_outweighs_a_noisy_one():
    points = PointSet(
        np.float32([[0.0, 0.0, 0.0], [0.0, 0.0, 0.002]]),
        np.float32([0.001, 0.01]),
        np.zeros((2, 3), np.float32),
        np.float32([1.0, 0.0]),
    )
    z = fuse_voxels(points, 0.003).points_m[0, 2]
    assert z == pytest.approx(0.002 * 0.01 / 1.01, rel=1e-3)


def test_equal_input_gives_an_equal_scene():
    one, two = (watch(WorldModel(WorldModelConfig()), TWINS)[-1] for _ in range(2))
    assert np.array_equal(one.cloud_m, two.cloud_m)
    for a, b in zip(one.objects, two.objects, strict=True):
        assert a.id == b.id and np.array_equal(a.T_world_object, b.T_world_object)
        assert np.array_equal(a.points_m, b.points_m) and np.array_equal(a.twist, b.twist)


def compiled_kinds():
    """Return the number of compiled signatures of each function."""
    modules = [m for name, m in sys.modules.items() if name.startswith('world_model_node')]
    functions = [f for m in modules for f in vars(m).values() if isinstance(f, Dispatcher)]
    return {f'{f.__module__}.{f.__name__}': len(f.signatures) for f in functions}


def test_a_new_model_has_compiled_all_that_frames_need(model):
    before = compiled_kinds()
    watch(model, TWINS, frames=25)
    assert compiled_kinds() == before and sum(before.values()) > 10


def test_the_scene_has_the_configured_belt_velocity():
    config = WorldModelConfig()
    told = replace(config, prediction=replace(config.prediction, belt_x_mps=0.2, belt_y_mps=-0.1))
    scene = watch(WorldModel(told), TWINS)[-1]
    np.testing.assert_allclose(scene.belt_velocity_mps, [0.2, -0.1])
    np.testing.assert_allclose(watch(WorldModel(config), TWINS)[-1].belt_velocity_mps, 0.0)
