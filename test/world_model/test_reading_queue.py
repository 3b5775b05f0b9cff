"""The reading queue is ordered and bounded, and keeps as many readings as the buffers."""

from types import SimpleNamespace

from world_model_node.config import TimingConfig
from world_model_node.inputs.reading_queue import ReadingQueue


def reading(stamp_s):
    return SimpleNamespace(stamp_s=stamp_s)


def test_readings_are_taken_in_the_order_of_arrival():
    reading_queue = ReadingQueue(TimingConfig())
    order = ['joints', 'wrench', 'camera', 'joints', 'lidar', 'tactile', 'wrench', 'camera']
    for number, stream in enumerate(order):
        reading_queue.put(stream, reading(number))
    taken = reading_queue.take()
    assert [stream for stream, _ in taken] == order
    assert [r.stamp_s for _, r in taken] == list(range(len(order)))
    assert len(reading_queue) == 0 and reading_queue.take() == []


def test_the_queue_keeps_as_many_of_the_newest_readings_as_the_buffer():
    reading_queue = ReadingQueue(TimingConfig(camera_buffer=3, joint_buffer=5))
    for number in range(20):
        reading_queue.put('camera', reading(number))
        reading_queue.put('joints', reading(number))
    taken = reading_queue.take()
    assert [r.stamp_s for s, r in taken if s == 'camera'] == [17, 18, 19]
    assert [r.stamp_s for s, r in taken if s == 'joints'] == [15, 16, 17, 18, 19]
    assert reading_queue.dropped == {
        'camera': 17,
        'lidar': 0,
        'tactile': 0,
        'wrench': 0,
        'joints': 15,
    }
