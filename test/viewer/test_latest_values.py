"""What is handed from the threads that receive to the one that draws."""

import threading

from viewer_node.latest_values import RATE_TIMEOUT_S, LatestValues
from viewer_node.panels.health_board import SILENT_AFTER_S, HealthBoard
from viewer_node.panels.pick_log import PickLog
from viewer_node.panels.status import HealthLine


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s


def test_a_slow_reader_sees_only_the_newest_value():
    latest = LatestValues()
    for value in range(1000):
        latest.put('camera', value)
    assert latest.take('camera') == 999


def test_a_value_is_taken_once():
    latest = LatestValues()
    latest.put('camera', 'picture')
    assert latest.take('camera') == 'picture'
    assert latest.take('camera') is None
    assert latest.take('never heard of') is None


def test_the_rate_is_that_of_the_arrivals_and_drops_to_zero_in_silence():
    clock = Clock()
    latest = LatestValues(clock)
    for tick in range(30):
        clock.now_s = tick * 0.1
        latest.put('camera', tick)
    assert abs(latest.rates_hz()['camera'] - 10.0) < 1e-6
    clock.now_s += RATE_TIMEOUT_S + 0.1
    assert latest.rates_hz()['camera'] == 0.0


def test_writers_and_a_reader_at_once_lose_nothing_but_old_values():
    latest = LatestValues()

    def write(stream):
        for value in range(2000):
            latest.put(stream, value)

    writers = [threading.Thread(target=write, args=(name,)) for name in 'abc']
    for writer in writers:
        writer.start()
    seen = []
    while any(writer.is_alive() for writer in writers):
        seen.append(latest.take('a'))
    last = [value for value in (*seen, latest.take('a')) if value is not None]
    assert last == sorted(last) and last[-1] == 1999


def test_a_silent_node_turns_stale_and_the_others_do_not():
    clock = Clock()
    board = HealthBoard(clock)
    board.update([HealthLine(0, 'planner: picks', 'idle')])
    clock.now_s = SILENT_AFTER_S + 1
    board.update([HealthLine(0, 'simulation: pace', 'ok')])
    assert [line.level for line in board.lines()] == [3, 0]


def test_the_log_tells_a_new_pick_from_a_known_one_and_keeps_outcomes():
    log = PickLog()
    assert log.progress(b'1', 'plan', None, None)
    assert not log.progress(b'1', 'lift', 4, 0.8)
    assert (log.status().phase, log.status().object_id) == ('lift', 4)
    log.finish(b'1', True, '#4 picked')
    assert not log.status()
    assert log.status().outcomes == ((True, '#4 picked'),)
