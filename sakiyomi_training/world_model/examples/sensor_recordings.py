"""Recordings of a depth camera or LiDAR, tracked by the world model."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_data.recorded_views import recorded_views
from sakiyomi_training.world_model.examples.recording_examples import RecordedSequence
from world_model_node.config import WorldModelConfig
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.features.scene_observation import SceneObservation
from world_model_node.offline.perceive import RecordedView, track_views

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SensorRecordingConfig:
    """How a recording is cut into parts.

    Attributes:
        max_views: Largest number of views, which are kept in memory.
        min_view_gap_s: Least time between views; the tracker runs at 10 Hz.
        max_gap_s: Time between views above which the recording has a gap.
        max_median_period_s: Largest median time between views.
        settling_views: Views before the first prediction, in which tracks settle.
        min_views_ahead: Least number of views after a prediction.
        views_per_part: Views of a part, the unit of the split into training and validation.
    """

    max_views: int = 1000
    min_view_gap_s: float = 0.9 * FRAME_S
    max_gap_s: float = 0.25
    max_median_period_s: float = 0.15
    settling_views: int = 4
    min_views_ahead: int = 2
    views_per_part: int = 20


def read_sensor_recording(
    path: Path, config: SensorRecordingConfig | None = None
) -> list[RecordedSequence]:
    """A recording as parts of at most 2 s without gaps.

    Raises:
        BadInputError: The recording cannot be used.
    """
    c = config or SensorRecordingConfig()
    views, notes = recorded_views(path, c.max_views)
    for note in notes:
        log.info('%s: %s', path, note)
    if len(views) == c.max_views:
        log.warning('%s: only the first %d views are used', path, c.max_views)
    _check_rate(path, views, c.max_median_period_s)
    pieces = split_at_gaps(views, c.max_gap_s)
    if len(pieces) > 1:
        log.warning('%s: gaps, cut into %d pieces', path, len(pieces))
    found: list[RecordedSequence] = []
    for number, piece in enumerate(pieces):
        thinned = thin_views(piece, c.min_view_gap_s)
        long_enough = len(thinned) >= c.settling_views + c.min_views_ahead
        observations = _observations(path, thinned) if long_enough else []
        found += _parts(f'{path}, piece {number}', observations, c)
    if not any(part.starts for part in found):
        need = FRAME_S * (c.settling_views + c.min_views_ahead)
        raise BadInputError(f'{path}: got no unbroken piece of {need:g} s, expected one or more')
    return [part for part in found if part.starts]


def split_at_gaps(views: Sequence[RecordedView], max_gap_s: float) -> list[list[RecordedView]]:
    """The views, split at gaps and at jumps of the clock."""
    stamps = np.array([view.stamp_s for view in views])
    steps = np.diff(stamps)
    gaps = np.flatnonzero((steps > max_gap_s) | (steps < 0.0)) + 1
    edges = [0, *gaps.tolist(), len(views)]
    return [list(views[a:b]) for a, b in itertools.pairwise(edges)]


def thin_views(views: Sequence[RecordedView], min_gap_s: float) -> list[RecordedView]:
    """The views that are `min_gap_s` apart or more."""
    kept = [views[0]]
    for view in views[1:]:
        if view.stamp_s - kept[-1].stamp_s >= min_gap_s:
            kept.append(view)
    return kept


def _check_rate(path: Path, views: Sequence[RecordedView], max_period_s: float) -> None:
    steps = np.diff([view.stamp_s for view in views])
    if len(steps) and np.median(steps) > max_period_s:
        raise BadInputError(
            f'{path}: got {1.0 / np.median(steps):.1f} views a second,'
            f' expected {1.0 / max_period_s:.0f} or more'
        )


def _observations(path: Path, views: Sequence[RecordedView]) -> list[SceneObservation]:
    # the predictions of the model are not used
    config = WorldModelConfig(dynamics='physics_prior')
    try:
        return [
            SceneObservation(scene.stamp_s, scene.objects, scene.table_height_m, None)
            for scene in track_views(views, config)
        ]
    except WorkFailedError as error:
        log.warning('%s: a piece is left out: %s', path, error)
        return []


def _parts(
    name: str, observations: Sequence[SceneObservation], config: SensorRecordingConfig
) -> list[RecordedSequence]:
    """Parts of consecutive starts; every part includes all earlier observations as its past."""
    ahead, size, settling = config.min_views_ahead, config.views_per_part, config.settling_views
    last = len(observations) - ahead
    return [
        RecordedSequence(
            f'{name}, part {number}',
            tuple(observations[: min(first + size, len(observations))]),
            tuple(range(first, max(first, min(first + size - ahead, last)))),
        )
        for number, first in enumerate(range(settling, max(last, settling), size))
    ]
