import numpy as np
import pytest

from sakiyomi.errors import BadInputError
from sakiyomi_ros.messages.images import (
    from_camera_info,
    from_color_image,
    from_depth_image,
    to_camera_info,
    to_depth_image,
    to_image,
)

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
DEPTH_M = np.random.default_rng(1).uniform(0.3, 2.0, (6, 8)).astype(np.float32)


def test_color_survives_the_round_trip_in_either_order():
    rgb = to_image(PIXELS, 'rgb8', 0.0, 'camera')
    bgr = to_image(PIXELS[..., ::-1], 'bgr8', 0.0, 'camera')
    np.testing.assert_array_equal(from_color_image(rgb), PIXELS)
    np.testing.assert_array_equal(from_color_image(bgr), PIXELS)


def test_millimetres_keep_depth_to_half_a_millimetre_and_holes_are_zero():
    depth_m = DEPTH_M.copy()
    depth_m[0, 0], depth_m[1, 1] = 0.0, np.nan
    read = from_depth_image(to_depth_image(depth_m, 0.0, 'camera'))
    assert read[0, 0] == read[1, 1] == 0.0
    assert np.nanmax(np.abs(read - depth_m)) <= 0.0005 + 1e-6


def test_metres_are_read_and_what_is_no_distance_becomes_a_hole():
    depth_m = DEPTH_M.copy()
    depth_m[0, :3] = np.nan, np.inf, -1.0
    read = from_depth_image(to_image(depth_m, '32FC1', 0.0, 'camera'))
    np.testing.assert_array_equal(read[0, :3], 0.0)
    np.testing.assert_array_equal(read[1:], DEPTH_M[1:])


def test_padded_rows_are_read():
    message = to_image(PIXELS, 'rgb8', 0.0, 'camera')
    message.step = 8 * 3 + 5
    message.data = np.pad(PIXELS.reshape(6, 24), ((0, 0), (0, 5))).tobytes()
    np.testing.assert_array_equal(from_color_image(message), PIXELS)


def test_intrinsics_survive_the_round_trip():
    K = np.array([[500.0, 0.0, 320.0], [0.0, 510.0, 240.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(from_camera_info(to_camera_info(K, 640, 480, 0.0, 'c')), K)


@pytest.mark.parametrize(
    ('changes', 'names'),
    [
        ({'width': 0, 'height': 0, 'data': b''}, '0x0 pixels'),
        ({'encoding': 'jpeg'}, "'jpeg'"),
        ({'encoding': ''}, 'encoding'),
        ({'step': 3}, 'got 3 bytes'),
        ({'data': bytes(5)}, 'got 5 bytes'),
        ({'encoding': 'mono8', 'step': 24}, 'got mono8'),
    ],
)
def test_an_image_that_cannot_be_read_is_refused_in_one_line(changes, names):
    message = to_image(PIXELS, 'rgb8', 0.0, 'camera')
    for field, value in changes.items():
        setattr(message, field, value)
    with pytest.raises(BadInputError, match=names) as error:
        from_color_image(message)
    assert '\n' not in str(error.value)


def test_an_uncalibrated_camera_is_refused():
    with pytest.raises(BadInputError, match='focal lengths'):
        from_camera_info(to_camera_info(np.zeros((3, 3)), 640, 480, 0.0, 'c'))
