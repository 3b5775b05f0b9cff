"""From recorded arrivals to latencies and losses.

The sensor-to-prediction latency runs from the moment at which the depth picture, the later of its
pair, is handed to the middleware, to the moment at which the predictions made from it arrive in
another process: both transports, the wait for the world model, its whole computation. Both ends
are wall-clock times of one host, so the pace of simulated time does not enter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sakiyomi.message_log import MessageArrival, MessageLog, UpdateRecord

SENSOR_TOPIC = 'camera/depth/image_rect_raw'
PREDICTION_TOPIC = 'world_model/predictions'
STAMP_TOLERANCE_S = 0.02


def summary(recording: MessageLog) -> dict[str, Any]:
    """The figures of one phase."""
    arrivals = recording.arrivals
    updates = len(recording.updates)
    missing = {topic: lost_on(topic, got, updates) for topic, got in arrivals.items()}
    latencies = prediction_latencies(
        arrivals.get(SENSOR_TOPIC, []), arrivals.get(PREDICTION_TOPIC, []), recording.updates
    )
    stages = sorted({name for update in recording.updates for name in update.stage_ms})
    return {
        'sensor_to_prediction_ms': percentiles(latencies),
        'frames': len(arrivals.get(SENSOR_TOPIC, [])),
        'frames_predicted_from': len(latencies),
        'frames_left_out': left_out(
            arrivals.get(SENSOR_TOPIC, []), arrivals.get(PREDICTION_TOPIC, []), recording.updates
        ),
        'pace': pace(arrivals.get(SENSOR_TOPIC, [])),
        'stage_ms': {
            name: percentiles([u.stage_ms[name] for u in recording.updates if name in u.stage_ms])
            for name in stages
        },
        'messages': {
            topic: {'received': len(got), 'lost': missing[topic]}
            for topic, got in arrivals.items()
        },
        'messages_lost': sum(missing.values()),
    }


def lost_on(topic: str, got: Sequence[MessageArrival], updates: int) -> int:
    """Sensors publish evenly; the world model once for each update that it reports."""
    return max(updates - len(got) - 1, 0) if topic.startswith('world_model/') else lost(got)


def prediction_latencies(
    frames: Sequence[MessageArrival],
    predictions: Sequence[MessageArrival],
    updates: Sequence[UpdateRecord],
) -> list[float]:
    """Milliseconds for each picture that predictions were made from.

    An update tells which sensor stamp it used; its predictions are the last ones published before
    it. A picture counts once, with the first predictions made from it.
    """
    return list(_by_frame(frames, predictions, updates).values())


def left_out(
    frames: Sequence[MessageArrival],
    predictions: Sequence[MessageArrival],
    updates: Sequence[UpdateRecord],
) -> int:
    """Pictures between the first and the last predicted from, from which no prediction came."""
    found = _by_frame(frames, predictions, updates)
    return max(found) - min(found) + 1 - len(found) if found else len(frames)


def _by_frame(
    frames: Sequence[MessageArrival],
    predictions: Sequence[MessageArrival],
    updates: Sequence[UpdateRecord],
) -> dict[int, float]:
    if not frames or not predictions:
        return {}
    frame_stamps = np.array([f.stamp_s for f in frames])
    published = np.array([p.published_ns for p in predictions])
    found: dict[int, float] = {}
    for update in updates:
        i = int(np.abs(frame_stamps - update.sensor_stamp_s).argmin())
        j = int(np.searchsorted(published, update.published_ns, side='right')) - 1
        if i in found or j < 0 or abs(frame_stamps[i] - update.sensor_stamp_s) > STAMP_TOLERANCE_S:
            continue
        latency_ns = predictions[j].received_ns - frames[i].published_ns
        if latency_ns > 0:
            found[i] = latency_ns * 1e-6
    return found


def pace(arrivals: Sequence[MessageArrival]) -> float | None:
    """Seconds of the stamps per second of real time: below 1 where a simulator slows down."""
    if len(arrivals) < 2:
        return None
    first, last = arrivals[0], arrivals[-1]
    real_s = (last.published_ns - first.published_ns) * 1e-9
    return round((last.stamp_s - first.stamp_s) / real_s, 3)


def lost(arrivals: Sequence[MessageArrival]) -> int:
    """Messages missing between the first and the last: gaps in evenly spaced stamps."""
    stamps = np.array([a.stamp_s for a in arrivals])
    gaps = np.diff(stamps)
    if len(gaps) < 2:
        return 0
    return int(np.maximum(np.rint(gaps / np.median(gaps)) - 1, 0).sum())


def percentiles(values: Sequence[float]) -> dict[str, float | int | None]:
    """Median and 99th percentile; None of nothing."""
    if not len(values):
        return {'p50': None, 'p99': None, 'n': 0}
    p50, p99 = np.percentile(values, [50, 99])
    return {'p50': round(float(p50), 2), 'p99': round(float(p99), 2), 'n': len(values)}
