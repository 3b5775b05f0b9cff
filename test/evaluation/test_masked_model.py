"""A world model behind a mask gets what the mask lets through, and updates as the node does."""

from types import SimpleNamespace

import pytest

from sakiyomi.scene import Scene
from sakiyomi_data.closed_loop.masked_model import MaskedModel, SensorMask
from sakiyomi_data.closed_loop.sensor_feed import TouchReading

STREAMS = ('camera', 'lidar', 'tactile', 'wrench', 'joints')
TOUCHED = TouchReading('joints', 'wrench', ('left', 'right'))


class Noting:
    """Stands in for a world model: it notes what it gets, and when it updates."""

    config = SimpleNamespace(rate_hz=10.0)

    def __init__(self):
        self.got, self.updates_s, self.predictions = [], [], 0
        self.stage_ms = {'belief': 1.0}

    def __getattr__(self, name):
        if not name.startswith('add_'):
            raise AttributeError(name)
        return lambda reading: self.got.append(name.removeprefix('add_'))

    def update(self, now_s):
        self.updates_s.append(now_s)
        return Scene(now_s, (), None)

    def predict(self):
        self.predictions += 1


def frame(stamp_s):
    return SimpleNamespace(stamp_s=stamp_s)


def shown(mask=None, seconds=1.0, camera_hz=30, predicts=False):
    """A model that was shown touch at every frame of the camera and LiDAR at every third."""
    masked = MaskedModel(Noting(), mask, predicts)
    for k in range(round(seconds * camera_hz)):
        now_s = k / camera_hz
        masked.take('touch', TOUCHED, now_s)
        if k % 3 == 0:
            masked.take('lidar', frame(now_s), now_s)
        masked.take('camera', frame(now_s), now_s)
    return masked


@pytest.mark.parametrize('streams', [('camera',), ('lidar',), ('camera', 'lidar'), STREAMS[:4]])
def test_only_the_streams_of_the_mask_pass_and_always_the_joints(streams):
    assert set(shown(SensorMask(streams)).model.got) == {*streams, 'joints'}


def test_the_share_that_is_dropped_never_arrives_and_follows_from_the_seed():
    whole = len(shown(seconds=20.0).model.got)
    kept = [shown(SensorMask(drop_rate=0.2, seed=s), 20.0).model.got for s in (0, 0, 1)]
    assert len(kept[0]) / whole == pytest.approx(0.8, abs=0.03)
    assert kept[0] == kept[1] != kept[2]


def test_pictures_that_come_faster_than_updates_wait_for_the_next():
    assert shown().model.updates_s == pytest.approx([0.1 * k for k in range(10)])
    slower = shown(camera_hz=5).model
    assert slower.updates_s == pytest.approx([0.2 * k for k in range(5)])


def test_a_picture_that_the_mask_hides_makes_an_update_due_all_the_same():
    assert shown(SensorMask(('lidar',))).model.updates_s == shown().model.updates_s


def test_what_is_added_makes_no_update():
    masked = MaskedModel(Noting())
    masked.add('camera', frame(0.0))
    assert masked.model.got == ['camera'] and masked.scene is None


def test_the_joints_of_an_instant_come_after_its_wrench_and_pads():
    masked = MaskedModel(Noting())
    assert not masked.take('touch', TOUCHED, 0.0)
    assert masked.model.got == ['wrench', 'tactile', 'tactile', 'joints']


def test_each_new_scene_is_said_and_timed_once():
    masked, scenes = MaskedModel(Noting()), []
    masked.on_scene = scenes.append
    assert [masked.take('camera', frame(t), t) for t in (0.0, 0.03, 0.1)] == [True, False, True]
    assert [scene.stamp_s for scene in scenes] == [0.0, 0.1]
    assert masked.scene is scenes[-1]
    assert len(masked.times_ms) == 2
    assert masked.times_ms[0]['fusion'] == masked.times_ms[0]['total'] - 1.0


def test_a_prediction_follows_each_update_where_it_is_asked_for():
    assert shown().model.predictions == 0
    assert shown(predicts=True).model.predictions == 10
