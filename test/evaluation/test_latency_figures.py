"""Latency and loss from arrivals whose truth is known."""

import pytest

from sakiyomi.message_log import MessageArrival, MessageLog, UpdateRecord
from sakiyomi_evaluation.speed.latency_figures import (
    PREDICTION_TOPIC,
    SENSOR_TOPIC,
    lost,
    pace,
    prediction_latencies,
    summary,
)

MS = 1_000_000
PERIOD_S, TRANSPORT_MS, WORK_MS = 0.1, 2, 30


def frame(i):
    return MessageArrival(PERIOD_S * i, 100 * i * MS, (100 * i + TRANSPORT_MS) * MS)


def prediction(i):
    published = (100 * i + TRANSPORT_MS + WORK_MS) * MS
    return MessageArrival(PERIOD_S * i, published, published + TRANSPORT_MS * MS)


def update(i):
    return UpdateRecord(prediction(i).published_ns + MS, PERIOD_S * i, {'fuse': 4.0})


def recording(count=50):
    return MessageLog(
        {
            SENSOR_TOPIC: [frame(i) for i in range(count)],
            PREDICTION_TOPIC: [prediction(i) for i in range(count)],
        },
        [update(i) for i in range(count)],
    )


def test_latency_is_both_transports_and_the_work():
    r = recording()
    got = prediction_latencies(r.arrivals[SENSOR_TOPIC], r.arrivals[PREDICTION_TOPIC], r.updates)
    assert got == pytest.approx([2 * TRANSPORT_MS + WORK_MS] * 50)


def test_the_pace_of_simulated_time_does_not_enter():
    r = recording()
    slow = [
        MessageArrival(a.stamp_s * 0.3, a.published_ns, a.received_ns)
        for a in map(frame, range(50))
    ]
    updates = [UpdateRecord(u.published_ns, u.sensor_stamp_s * 0.3, {}) for u in r.updates]
    got = prediction_latencies(slow, r.arrivals[PREDICTION_TOPIC], updates)
    assert got == pytest.approx([2 * TRANSPORT_MS + WORK_MS] * 50)


def test_a_picture_that_was_skipped_has_no_latency():
    r = recording()
    r.updates = [u for i, u in enumerate(r.updates) if i % 2]
    figures = summary(r)
    assert figures['frames'] == 50
    assert figures['frames_predicted_from'] == 25
    assert figures['frames_left_out'] == 24  # between the second and the last


def test_the_pace_is_simulated_time_over_real_time():
    assert pace([frame(i) for i in range(10)]) == pytest.approx(1.0)
    slow = [
        MessageArrival(a.stamp_s * 0.3, a.published_ns, a.received_ns)
        for a in map(frame, range(9))
    ]
    assert pace(slow) == pytest.approx(0.3)
    assert pace([frame(0)]) is None


def test_a_second_update_from_the_same_picture_does_not_count():
    r = recording(2)
    r.updates.append(UpdateRecord(r.updates[-1].published_ns + 50 * MS, PERIOD_S, {}))
    assert summary(r)['sensor_to_prediction_ms']['n'] == 2


@pytest.mark.parametrize('missing', [[], [3], [3, 4, 10], list(range(20, 30))])
def test_every_missing_message_is_counted(missing):
    assert lost([frame(i) for i in range(40) if i not in missing]) == len(missing)


def test_nothing_arrived_means_nothing_measured():
    figures = summary(MessageLog())
    assert figures['sensor_to_prediction_ms'] == {'p50': None, 'p99': None, 'n': 0}
    assert figures['messages_lost'] == 0
