"""Recordings of a depth camera or LiDAR as what the world model's own tracking makes of them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_data.recorded_views import recorded_views
from sakiyomi_training.world_model.examples.recording_examples import RecordedSequence
from world_model_node.config import WorldModelConfig
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.features.scene_observation import SceneObservation
from world_model_node.offline.perceive import RecordedView, track_views

MAX_VIEWS = 1000  # pictures are kept in memory
MIN_VIEW_GAP_S = 0.9 * FRAME_S  # views that are closer are left out: the tracker runs at 10 Hz
MAX_GAP_S = 0.25
MAX_MEDIAN_PERIOD_S = 0.15  # between views at the median
NUM_SETTLING_VIEWS = 4  # views before the first prediction: tracks need them
MIN_VIEWS_AHEAD = 2  # views at least to be compared with
VIEWS_PER_PART = 20  # views of a part; parts are learned from or kept as wholes
log = logging.getLogger(__name__)


def read_sensor_recording(path: Path) -> list[RecordedSequence]:
    """A recording as parts of 2 s, at most, without gaps.

    Raises:
        BadInputError: it cannot be used.
    """
    views, notes = recorded_views(path, MAX_VIEWS)
    for note in notes:
        log.info('%s: %s', path, note)
    if len(views) == MAX_VIEWS:
        log.warning('%s: only the first %d views are used', path, MAX_VIEWS)
    _check_rate(path, views)
    pieces = split_at_gaps(views)
    if len(pieces) > 1:
        log.warning('%s: gaps, cut into %d pieces', path, len(pieces))
    found: list[RecordedSequence] = []
    for number, piece in enumerate(pieces):
        observations = _observations(path, thin_views(piece))
        found += _parts(f'{path}, piece {number}', observations)
    if not any(part.starts for part in found):
        need = FRAME_S * (NUM_SETTLING_VIEWS + MIN_VIEWS_AHEAD)
        raise BadInputError(f'{path}: got no unbroken piece of {need:g} s, expected one or more')
    return [part for part in found if part.starts]


def split_at_gaps(views: Sequence[RecordedView]) -> list[list[RecordedView]]:
    """The views, cut where the clock jumps or stands for long."""
    stamps = np.array([view.stamp_s for view in views])
    steps = np.diff(stamps)
    gaps = np.flatnonzero((steps > MAX_GAP_S) | (steps < 0.0)) + 1
    edges = [0, *gaps.tolist(), len(views)]
    return [list(views[a:b]) for a, b in itertools.pairwise(edges)]


def thin_views(views: Sequence[RecordedView]) -> list[RecordedView]:
    """Those that are about 0.1 s apart or more."""
    kept = [views[0]]
    for view in views[1:]:
        if view.stamp_s - kept[-1].stamp_s >= MIN_VIEW_GAP_S:
            kept.append(view)
    return kept


def _check_rate(path: Path, views: Sequence[RecordedView]) -> None:
    steps = np.diff([view.stamp_s for view in views])
    if len(steps) and np.median(steps) > MAX_MEDIAN_PERIOD_S:
        raise BadInputError(
            f'{path}: got {1.0 / np.median(steps):.1f} views a second,'
            f' expected {1.0 / MAX_MEDIAN_PERIOD_S:.0f} or more'
        )


def _observations(path: Path, views: Sequence[RecordedView]) -> list[SceneObservation]:
    if len(views) < NUM_SETTLING_VIEWS + MIN_VIEWS_AHEAD:
        return []
    # what is predicted meanwhile does not matter, and is not read
    config = WorldModelConfig(dynamics='physics_prior')
    try:
        return [
            SceneObservation(scene.stamp_s, scene.objects, scene.table_height_m, None)
            for scene in track_views(views, config)
        ]
    except WorkFailedError as error:
        log.warning('%s: a piece is left out: %s', path, error)
        return []


def _parts(name: str, observations: Sequence[SceneObservation]) -> list[RecordedSequence]:
    """Starts PART at a time; what was watched before a part is its past, too."""
    last = len(observations) - MIN_VIEWS_AHEAD
    return [
        RecordedSequence(
            f'{name}, part {number}',
            tuple(observations[: min(first + VIEWS_PER_PART, len(observations))]),
            tuple(range(first, max(first, min(first + VIEWS_PER_PART - MIN_VIEWS_AHEAD, last)))),
        )
        for number, first in enumerate(
            range(NUM_SETTLING_VIEWS, max(last, NUM_SETTLING_VIEWS), VIEWS_PER_PART)
        )
    ]
