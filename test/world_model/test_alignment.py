import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from sakiyomi.errors import WorkFailedError
from sakiyomi.geometry import inverse, make_transform, transform_points
from world_model_node.offline.alignment import AlignmentConfig, align_to_support, workspace_around

RNG = np.random.default_rng(0)


def patch(x, y, z, count):
    """Points spread over a box, given as three (low, high)."""
    return np.stack([RNG.uniform(*side, count) for side in (x, y, z)], axis=1)


def table_and_boxes(noise_m=0.001):
    table = patch((0.2, 0.9), (-0.4, 0.4), (0.0, 0.0), 6000)
    boxes = [
        patch((x, x + 0.06), (y, y + 0.08), (0.07, 0.07), 400)
        for x, y in ((0.4, -0.1), (0.6, 0.1))
    ]
    points = np.vstack([table, *boxes])
    return points + RNG.normal(0.0, noise_m, points.shape)


def camera_at(eye, pitch_rad, roll_rad=0.0):
    """T_world_camera looking along x, pitched down."""
    R = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
    turn = Rotation.from_euler('y', pitch_rad) * Rotation.from_matrix(R)
    return make_transform((turn * Rotation.from_euler('z', roll_rad)).as_matrix(), np.array(eye))


def tilt_and_height(world_points, T_world_camera, optical=True):
    sensor = transform_points(inverse(T_world_camera), world_points)
    T = align_to_support(sensor, optical, AlignmentConfig())
    return np.arccos(np.clip(T[2, :3] @ T_world_camera[2, :3], -1, 1)), T[2, 3] - T_world_camera[
        2, 3
    ]


@pytest.mark.parametrize('roll', [0.0, 0.4, -0.6])
@pytest.mark.parametrize('pitch', [0.5, 1.0, 1.5])
def test_the_table_is_found_from_any_usual_view(pitch, roll):
    tilt, height = tilt_and_height(table_and_boxes(), camera_at((-0.1, 0.0, 0.7), pitch, roll))
    assert tilt < 0.005
    assert abs(height) < 0.002


def test_a_wall_larger_than_the_table_is_not_the_support():
    wall = patch((1.0, 1.0), (-1.0, 1.0), (-0.2, 1.2), 12000)
    tilt, _ = tilt_and_height(
        np.vstack([table_and_boxes(), wall]), camera_at((0.0, 0.0, 0.6), 0.5)
    )
    assert tilt < 0.01


def test_the_floor_below_is_not_the_support():
    floor = patch((-1.0, 3.0), (-2.0, 2.0), (-0.72, -0.72), 9000)
    _, height = tilt_and_height(np.vstack([table_and_boxes(), floor]), camera_at((0, 0, 0.6), 0.8))
    assert abs(height) < 0.005


def test_a_cloud_without_an_optical_frame_has_its_objects_on_top():
    T = make_transform(
        Rotation.from_rotvec([2.0, 1.0, -0.5]).as_matrix(), np.array([3.0, 1.0, 2.0])
    )
    tilt, _ = tilt_and_height(table_and_boxes(), T, optical=False)
    assert tilt < 0.01


def test_the_workspace_contains_the_objects():
    points, T_world_camera = table_and_boxes(), camera_at((-0.1, 0.0, 0.7), 1.0)
    sensor = transform_points(inverse(T_world_camera), points)
    T = align_to_support(sensor, True, AlignmentConfig())
    w = workspace_around(sensor, T, AlignmentConfig())
    boxes = transform_points(T, sensor[points[:, 2] > 0.05])
    assert (boxes[:, 0] > w.x_min_m).all() and (boxes[:, 0] < w.x_max_m).all()
    assert (boxes[:, 1] > w.y_min_m).all() and (boxes[:, 1] < w.y_max_m).all()
    assert w.x_max_m - w.x_min_m < 0.6


def test_a_cloud_without_a_plane_is_refused():
    with pytest.raises(WorkFailedError, match='support plane'):
        align_to_support(
            RNG.uniform(-1.0, 1.0, (3000, 3)) + np.array([0.0, 0.0, 2.0]), True, AlignmentConfig()
        )


def test_the_same_points_give_the_same_frame():
    sensor = transform_points(inverse(camera_at((0.0, 0.0, 0.6), 0.8)), table_and_boxes())
    np.testing.assert_array_equal(
        align_to_support(sensor, True, AlignmentConfig()),
        align_to_support(sensor, True, AlignmentConfig()),
    )
