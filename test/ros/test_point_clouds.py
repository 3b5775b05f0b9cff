import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi_ros.messages.point_clouds import colors_of, from_cloud, to_cloud, to_xyz_cloud

POINTS = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)


def cloud():
    return to_xyz_cloud(POINTS, 1.25, 'lidar_link')


def test_points_and_colors_survive_the_round_trip():
    colors = np.random.default_rng(1).integers(0, 256, (50, 3)).astype(np.uint8)
    message = to_xyz_cloud(POINTS, 1.25, 'lidar_link', colors)
    np.testing.assert_array_equal(from_cloud(message), POINTS)
    np.testing.assert_array_equal(colors_of(message), colors)


def test_columns_are_found_by_name_not_by_place():
    message = to_cloud({'fz': POINTS[:, 2], 'pad': POINTS[:, 0], 'fx': POINTS[:, 1]}, 0.0, 'pad')
    np.testing.assert_array_equal(from_cloud(message, ('fx', 'fz')), POINTS[:, [1, 2]])


def test_padding_between_rows_is_skipped():
    message = cloud()
    rows = np.frombuffer(message.data, np.uint8).reshape(5, 10 * message.point_step)
    message.height, message.width, message.row_step = 5, 10, 10 * message.point_step + 7
    message.data = np.pad(rows, ((0, 0), (0, 7)), constant_values=255).tobytes()
    np.testing.assert_array_equal(from_cloud(message), POINTS)


def test_big_endian_doubles_are_read():
    message = cloud()
    for i, field in enumerate(message.fields):
        field.datatype, field.offset = field.FLOAT64, 8 * i
    message.point_step, message.row_step, message.is_bigendian = 24, 24 * len(POINTS), True
    message.data = POINTS.astype('>f8').tobytes()
    np.testing.assert_array_equal(from_cloud(message), POINTS)


def test_points_that_are_not_finite_are_dropped():
    points = POINTS.copy()
    points[3, 1], points[7, 2] = np.nan, np.inf
    kept = from_cloud(to_xyz_cloud(points, 0.0, 'lidar_link'))
    np.testing.assert_array_equal(kept, np.delete(POINTS, [3, 7], axis=0))


def test_an_empty_cloud_is_no_error():
    assert from_cloud(to_xyz_cloud(np.empty((0, 3)), 0.0, 'lidar_link')).shape == (0, 3)


def break_point_step(message):
    message.point_step = 10


def break_row_step(message):
    message.row_step -= 1


def break_data(message):
    message.data = message.data[:-1]


def break_offset(message):
    message.fields[2].offset = 4000


def break_datatype(message):
    message.fields[0].datatype = 99


def break_names(message):
    message.fields[0].name = 'range'


@pytest.mark.parametrize(
    ('breakage', 'names'),
    [
        (break_point_step, 'point_step: got 10'),
        (break_row_step, 'row_step: got 599'),
        (break_data, 'data: got 599'),
        (break_offset, 'point_step: got 12'),
        (break_datatype, 'datatype 99'),
        (break_names, 'got range, y, z'),
    ],
)
def test_what_does_not_fit_together_is_refused_in_one_line(breakage, names):
    message = cloud()
    breakage(message)
    with pytest.raises(BadInputError, match=names) as error:
        from_cloud(message)
    assert '\n' not in str(error.value)
    assert 'expected' in str(error.value)
