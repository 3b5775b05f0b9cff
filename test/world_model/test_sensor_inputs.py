from dataclasses import replace

import numpy as np
import pytest
from synthetic import T_LIDAR, camera, lidar, on_table
from tracking_runs import watch

from sakiyomi.errors import BadInputError
from sakiyomi.sensing import JointReading, LidarScan, TactileReading, WrenchReading
from world_model_node.inputs.buffers import JointBuffer, ReadingBuffer

GOOD = camera(1.0, [])
BOX = [on_table(0.5, 0.0, (0.05, 0.05, 0.05))]
SQUASHED = np.diag([1.0, 1.0, 0.5, 1.0])


@pytest.mark.parametrize(
    'change',
    [
        {'stamp_s': float('nan')},
        {'stamp_s': -1.0},
        {'depth_m': np.zeros((0, 0), np.float32)},
        {'depth_m': np.zeros((480, 640), np.uint16)},
        {'depth_m': np.zeros((480, 640, 1), np.float32)},
        {'color': np.zeros((4, 4, 3), np.uint8)},
        {'color': np.zeros((480, 640, 3), np.float32)},
        {'intrinsics': np.zeros((3, 3))},
        {'intrinsics': np.full((3, 3), np.nan)},
        {'T_world_camera': np.full((4, 4), np.inf)},
        {'T_world_camera': SQUASHED},
    ],
)
def test_a_malformed_camera_frame_is_refused_in_one_line_and_counted(model, change):
    with pytest.raises(BadInputError) as caught:
        model.add_camera(replace(GOOD, **change))
    assert '\n' not in str(caught.value) and 'expected' in str(caught.value)
    assert model.counts['camera.rejected'] == 1 and model.counts['camera.received'] == 0


@pytest.mark.parametrize(
    'reading',
    [
        LidarScan(1.0, np.zeros((5, 2), np.float32), T_LIDAR),
        LidarScan(1.0, np.zeros((5, 3), int), T_LIDAR),
        LidarScan(1.0, np.zeros((5, 3), np.float32), SQUASHED),
    ],
)
def test_a_malformed_scan_is_refused(model, reading):
    with pytest.raises(BadInputError):
        model.add_lidar(reading)


@pytest.mark.parametrize(
    'reading',
    [
        TactileReading(1.0, 'top', np.zeros((2, 3)), np.zeros((2, 3))),
        TactileReading(1.0, 'left', np.zeros((2, 3)), np.zeros((3, 3))),
        TactileReading(1.0, 'left', np.zeros((2, 3)), np.full((2, 3), np.nan)),
    ],
)
def test_malformed_taxels_are_refused(model, reading):
    with pytest.raises(BadInputError):
        model.add_tactile(reading)


def test_malformed_joints_and_wrenches_are_refused(model):
    with pytest.raises(BadInputError):
        model.add_joints(JointReading(1.0, ('a', 'b'), np.zeros(1), np.zeros(2)))
    with pytest.raises(BadInputError):
        model.add_wrench(WrenchReading(1.0, np.array([np.nan, 0, 0]), np.zeros(3)))


def test_non_finite_pixels_and_returns_are_dropped(model):
    frame, scan = camera(1.0, BOX), lidar(1.0, BOX)
    depth, points = frame.depth_m.copy(), scan.points_m.copy()
    depth[::7], depth[::5], depth[::11] = np.nan, np.inf, -1.0
    points[::3] = np.nan
    model.add_camera(replace(frame, depth_m=depth))
    model.add_lidar(replace(scan, points_m=points))
    scene = model.update(1.0)
    assert np.isfinite(scene.cloud_m).all()
    assert all(np.isfinite(o.T_world_object).all() for o in scene.objects)


@pytest.mark.parametrize('fill', [0.0, np.nan, 0.3, 50.0])
def test_an_empty_depth_image_gives_no_error(model, fill):
    model.add_camera(replace(GOOD, depth_m=np.full((480, 640), fill, np.float32)))
    model.add_lidar(LidarScan(1.0, np.zeros((0, 3), np.float32), T_LIDAR))
    assert np.isfinite(model.update(1.0).cloud_m).all()


def test_no_input_at_all_gives_an_empty_scene_with_everything_stale(model):
    scene = model.update(5.0)
    assert scene.objects == () and scene.stamp_s == 5.0
    assert set(scene.stale) == {'camera', 'lidar', 'tactile', 'joints'}
    assert model.predict() == ()


def reading(t):
    return JointReading(t, ('a',), np.array([10.0 * t]), np.array([10.0]))


def test_order_of_arrival_does_not_matter_within_the_buffer():
    buffer = ReadingBuffer(10, clock_jump_s=1.0, jump_confirmations=3)
    for t in (1.0, 1.2, 1.1, 1.2):
        buffer.add(reading(t))
    assert [r.stamp_s for r in buffer.between(0.0, 9.0)] == [1.0, 1.1, 1.2]
    assert buffer.counts['late'] == 1 and buffer.counts['duplicate'] == 1


def test_buffers_are_bounded_and_keep_the_newest():
    buffer = ReadingBuffer(8, clock_jump_s=1.0, jump_confirmations=3)
    for k in range(1000):
        buffer.add(reading(0.01 * k))
    assert len(buffer) == 8 and buffer.newest().stamp_s == pytest.approx(9.99)
    buffer.add(reading(9.5))
    assert len(buffer) == 8 and buffer.counts['dropped'] == 1


def test_one_old_stamp_is_late_and_three_are_a_clock_that_jumped_back():
    buffer = ReadingBuffer(10, clock_jump_s=1.0, jump_confirmations=3)
    buffer.add(reading(100.0))
    assert not buffer.add(reading(1.0)) and buffer.newest().stamp_s == 100.0
    assert not buffer.add(reading(1.1))
    assert buffer.add(reading(1.2)) and buffer.newest().stamp_s == 1.2


def test_joints_between_stamps_are_interpolated_and_held_beyond():
    buffer = JointBuffer(10, clock_jump_s=1.0, jump_confirmations=3)
    assert buffer.at(1.0) is None
    for t in (1.0, 1.1):
        buffer.add(reading(t))
    assert buffer.at(1.025).position[0] == pytest.approx(10.25)
    assert buffer.at(0.5).position[0] == 10.0 and buffer.at(2.0).position[0] == pytest.approx(11.0)


def test_a_backward_clock_step_resets_the_world_model(model):
    watch(model, BOX)
    scene = model.update(0.5)
    assert scene.objects == () and len(model.inputs.camera) == 0


def test_a_reading_with_a_future_stamp_waits(model):
    model.add_camera(camera(100.0, BOX))
    assert model.update(1.0).objects == ()
    assert len(model.update(100.0).objects) == 1


def test_stale_modalities_are_named_and_the_others_are_used(model):
    watch(model, BOX)
    scene = watch(model, BOX, frames=10, sensors=('lidar',), start=6)[-1]
    assert 'camera' in scene.stale and 'lidar' not in scene.stale
    assert len(scene.objects) == 1


def test_the_same_frame_counts_once(model):
    scenes = watch(model, BOX)
    again = [model.update(scenes[-1].stamp_s + 0.01 * k) for k in range(1, 5)]
    first, last = again[0].objects[0], again[-1].objects[0]
    assert np.array_equal(first.twist, last.twist)
    assert np.trace(last.pose_covariance) >= np.trace(scenes[-1].objects[0].pose_covariance)
