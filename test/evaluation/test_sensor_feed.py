"""The feed of a cell's sensors: their rates, their delays, their order, and that it repeats."""

from itertools import chain, pairwise

import numpy as np
import pytest

from sakiyomi_data.closed_loop.sensor_feed import SensorFeed
from sakiyomi_data.closed_loop.streams import StreamTiming, StreamTimings
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ, CameraConfig, LidarConfig, SimulationConfig

SEED, LATE_S = 5, 10 / PHYSICS_HZ
STREAMS = StreamTimings(
    StreamTiming(60.0), StreamTiming(10.0, LATE_S), StreamTiming(30.0, 2 * LATE_S)
)


@pytest.fixture(scope='module')
def cell():
    camera, lidar = CameraConfig(width=32, height=24), LidarConfig(rays=200)
    cell = SimulatedCell(SimulationConfig(count=1, camera=camera, lidar=lidar))
    yield cell
    cell.close()


@pytest.fixture
def feed(cell):
    cell.reset(SEED)
    cell.restart_clock()
    return SensorFeed(cell, STREAMS)


def stamp_s(reading):
    return reading.joints.stamp_s if hasattr(reading, 'joints') else reading.stamp_s


def arrivals(feed, duration_s):
    """Stream, time of arrival and stamp of each reading."""
    return [(n, feed.cell.time_s, stamp_s(r)) for n, r in feed.run(duration_s)]


def numbers(reading):
    """What a reading says, as one array."""
    if hasattr(reading, 'joints'):
        pads = [pad.forces_n.ravel() for pad in reading.pads]
        return np.concatenate([reading.joints.position, reading.wrench.force_n, *pads])
    return getattr(reading, 'depth_m', getattr(reading, 'points_m', None))


def due_s(stream, duration_s):
    """When readings arrive: at multiples of the period, but none from before the beginning."""
    times_s = np.arange(1, round(duration_s * stream.rate_hz) + 1) / stream.rate_hz
    return times_s[times_s > stream.delay_s]


def test_every_stream_keeps_its_rate(feed):
    seen = arrivals(feed, 1.0)
    assert {name for name, _, _ in seen} == {name for name, _ in STREAMS.items()}
    for name, stream in STREAMS.items():
        assert [at for n, at, _ in seen if n == name] == pytest.approx(due_s(stream, 1.0))


def test_a_reading_is_stamped_its_delay_before_it_arrives(feed):
    delays_s = {name: stream.delay_s for name, stream in STREAMS.items()}
    seen = arrivals(feed, 0.5)
    assert {name for name, _, _ in seen} == set(delays_s)
    for name, at_s, stamp in seen:
        assert at_s - stamp == pytest.approx(delays_s[name], abs=1e-9)


def test_a_late_reading_shows_what_was_there_at_its_stamp(feed):
    """Delayed is not measured anew: it equals what a feed without delays reads at that stamp."""
    late = {stamp_s(r): numbers(r) for n, r in feed.run(0.3) if n == 'camera'}
    feed.cell.reset(SEED)
    feed.cell.restart_clock()
    at_once = SensorFeed(
        feed.cell, StreamTimings(StreamTiming(60.0), StreamTiming(10.0), StreamTiming(240.0))
    )
    for name, reading in at_once.run(0.3):
        if name == 'camera' and reading.stamp_s in late:
            np.testing.assert_array_equal(numbers(reading), late.pop(reading.stamp_s))
    assert not late


def test_readings_of_one_instant_come_touch_first_and_the_camera_last(feed):
    order = [name for name, _ in STREAMS.items()]
    seen = arrivals(feed, 0.5)
    assert len(seen) > 10
    for (a, a_s, _), (b, b_s, _) in pairwise(seen):
        assert (a_s, order.index(a)) < (b_s, order.index(b))


def test_what_is_read_first_is_of_this_very_instant_however_late_it_is_otherwise(feed):
    assert [(n, stamp_s(r)) for n, r in feed.read_all()] == [
        (name, feed.cell.time_s) for name, _ in STREAMS.items()
    ]


def test_two_runs_of_one_seed_give_the_same_readings(feed):
    def run():
        feed.cell.reset(SEED)
        feed.cell.restart_clock()
        feed.restart()
        return [(n, numbers(r)) for n, r in chain(feed.read_all(), feed.run(0.3))]

    first, second = run(), run()
    assert first
    for (name, one), (again, other) in zip(first, second, strict=True):
        assert name == again
        np.testing.assert_array_equal(one, other)


def test_a_restart_forgets_what_was_under_way_and_counts_from_now(feed):
    for _ in feed.run(1.5 * LATE_S):
        pass
    began_s = feed.cell.time_s
    feed.restart()
    again = arrivals(feed, 0.2)
    assert min(stamp for _, _, stamp in again) >= began_s
    for name, stream in STREAMS.items():
        times_s = [at - began_s for n, at, _ in again if n == name]
        assert times_s == pytest.approx(due_s(stream, 0.2))


def test_time_passes_only_by_the_given_step(cell):
    passed = []
    feed = SensorFeed(cell, STREAMS, step=passed.append)
    began_s = cell.time_s
    for _ in feed.run(0.1):
        pass
    assert sum(passed) == pytest.approx(0.1)
    assert cell.time_s == began_s
