"""Readings on their way to the fusion: in order, bounded, none lost that a buffer would keep."""

from types import SimpleNamespace

from world_model_node.config import TimingConfig
from world_model_node.sensing.intake import Intake


def reading(stamp_s):
    return SimpleNamespace(stamp_s=stamp_s)


def test_what_is_taken_has_the_order_of_its_arrival():
    intake = Intake(TimingConfig())
    order = ['joints', 'wrench', 'camera', 'joints', 'lidar', 'tactile', 'wrench', 'camera']
    for number, stream in enumerate(order):
        intake.put(stream, reading(number))
    taken = intake.take()
    assert [stream for stream, _ in taken] == order
    assert [r.stamp_s for _, r in taken] == list(range(len(order)))
    assert len(intake) == 0 and intake.take() == []


def test_of_each_stream_the_newest_wait_as_many_as_its_buffer_keeps():
    intake = Intake(TimingConfig(camera_buffer=3, joint_buffer=5))
    for number in range(20):
        intake.put('camera', reading(number))
        intake.put('joints', reading(number))
    taken = intake.take()
    assert [r.stamp_s for s, r in taken if s == 'camera'] == [17, 18, 19]
    assert [r.stamp_s for s, r in taken if s == 'joints'] == [15, 16, 17, 18, 19]
    assert intake.dropped == {'camera': 17, 'lidar': 0, 'tactile': 0, 'wrench': 0, 'joints': 15}
