"""Records and strips: what a round leaves behind."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from sakiyomi.sensing import CameraFrame
from sakiyomi_data.experiments.serialization import from_json, to_json
from sakiyomi_data.experiments.strips import FRAME_PX, MAX_FRAMES, Strip


@dataclass
class Inner:
    values: np.ndarray
    pair: tuple[float, float] | None


@dataclass
class Outer:
    inner: dict[str, list[Inner]]
    names: tuple[str, ...]
    good: bool
    missing: Inner | None = None


class Cell:
    """A camera that sees ever brighter grey."""

    shown = 0

    def camera_frame(self):
        self.shown += 1
        color = np.full((480, 640, 3), self.shown, np.uint8)
        return CameraFrame(0.0, color, np.ones((480, 640), np.float32), np.eye(3), np.eye(4))


@pytest.mark.parametrize(
    'values',
    [
        np.array([0.1, np.nan, -np.inf]),
        np.arange(6, dtype=np.float32).reshape(3, 2) / 3,
        np.zeros((0, 3)),
        np.array(True),
    ],
)
def test_a_record_comes_back_to_the_last_bit(values):
    outer = Outer({'a': [Inner(values, (0.1, 1 / 3)), Inner(values, None)]}, ('x', 'y'), True)
    back = from_json(Outer, to_json(outer))
    for one, other in zip(back.inner['a'], outer.inner['a'], strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        assert (one.values.dtype, one.pair) == (other.values.dtype, other.pair)
    assert (back.names, back.good, back.missing) == (outer.names, outer.good, None)


def test_what_json_cannot_hold_is_refused():
    with pytest.raises(TypeError, match='got object, expected what JSON can hold'):
        to_json({'a': object()})


@pytest.mark.parametrize('count', [1, 8, 200])
def test_a_strip_shows_the_first_and_the_last_frame_and_at_most_eight(count, tmp_path):
    strip, cell = Strip(tmp_path, 'round003_attempt1'), Cell()
    for _ in range(count):
        strip.frame(cell)
    strip.write('missed', '0.0 mm after lifting')
    picture = cv2.imread(str(tmp_path / 'round003_attempt1_missed.png'))
    width, height = FRAME_PX
    assert picture.shape[1] == min(count, MAX_FRAMES) * width
    assert (picture[: height // 2, 0] == 1).all()
    assert (picture[: height // 2, -1] == count).all()


def test_without_a_folder_no_picture_is_taken():
    strip, cell = Strip(None, 'round000'), Cell()
    strip.frame(cell)
    strip.write('missed')
    assert cell.shown == 0
