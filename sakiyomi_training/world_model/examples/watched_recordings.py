"""Recordings of a depth camera or LiDAR as what the world model's own tracking makes of them."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sakiyomi.cli.recorded_views import recorded_views
from sakiyomi.errors import BadInputError, WorkFailedError
from sakiyomi_training.world_model.examples.recorded_examples import Recorded
from world_model_node.config import WorldModelConfig
from world_model_node.model.dimensions import FRAME_S
from world_model_node.model.watched.instant import Instant
from world_model_node.offline.perceive import RecordedView, track_views

MOST_VIEWS = 1000  # pictures are kept in memory
THINNED_S = 0.9 * FRAME_S  # views that are closer are left out: the tracker runs at 10 Hz
GAP_S = 0.25
SLOWEST_S = 0.15  # between views at the median
SETTLING = 4  # views before the first prediction: tracks need them
AHEAD = 2  # views at least to be compared with
PART = 20  # views of a part; parts are learned from or kept as wholes
log = logging.getLogger(__name__)


def read_watched_file(path: Path) -> list[Recorded]:
    """A recording as parts of 2 s, at most, without gaps.

    Raises:
        BadInputError: it cannot be used.
    """
    views, notes = recorded_views(path, MOST_VIEWS)
    for note in notes:
        log.info('%s: %s', path, note)
    if len(views) == MOST_VIEWS:
        log.warning('%s: only the first %d views are used', path, MOST_VIEWS)
    _check_rate(path, views)
    pieces = unbroken(views)
    if len(pieces) > 1:
        log.warning('%s: gaps, cut into %d pieces', path, len(pieces))
    found: list[Recorded] = []
    for number, piece in enumerate(pieces):
        instants = _instants(path, thinned(piece))
        found += _parts(f'{path}, piece {number}', instants)
    if not any(part.starts for part in found):
        need = FRAME_S * (SETTLING + AHEAD)
        raise BadInputError(f'{path}: got no unbroken piece of {need:g} s, expected one or more')
    return [part for part in found if part.starts]


def unbroken(views: Sequence[RecordedView]) -> list[list[RecordedView]]:
    """The views, cut where the clock jumps or stands for long."""
    stamps = np.array([view.stamp_s for view in views])
    steps = np.diff(stamps)
    gaps = np.flatnonzero((steps > GAP_S) | (steps < 0.0)) + 1
    edges = [0, *gaps.tolist(), len(views)]
    return [list(views[a:b]) for a, b in itertools.pairwise(edges)]


def thinned(views: Sequence[RecordedView]) -> list[RecordedView]:
    """Those that are about 0.1 s apart or more."""
    kept = [views[0]]
    for view in views[1:]:
        if view.stamp_s - kept[-1].stamp_s >= THINNED_S:
            kept.append(view)
    return kept


def _check_rate(path: Path, views: Sequence[RecordedView]) -> None:
    steps = np.diff([view.stamp_s for view in views])
    if len(steps) and np.median(steps) > SLOWEST_S:
        raise BadInputError(
            f'{path}: got {1.0 / np.median(steps):.1f} views a second,'
            f' expected {1.0 / SLOWEST_S:.0f} or more'
        )


def _instants(path: Path, views: Sequence[RecordedView]) -> list[Instant]:
    if len(views) < SETTLING + AHEAD:
        return []
    # what is predicted meanwhile does not matter, and is not read
    config = WorldModelConfig(dynamics='physics_prior')
    try:
        return [
            Instant(scene.stamp_s, scene.objects, scene.table_height_m, None)
            for scene in track_views(views, config)
        ]
    except WorkFailedError as error:
        log.warning('%s: a piece is left out: %s', path, error)
        return []


def _parts(name: str, instants: Sequence[Instant]) -> list[Recorded]:
    """Starts PART at a time; what was watched before a part is its past, too."""
    last = len(instants) - AHEAD
    return [
        Recorded(
            f'{name}, part {number}',
            tuple(instants[: min(first + PART, len(instants))]),
            tuple(range(first, max(first, min(first + PART - AHEAD, last)))),
        )
        for number, first in enumerate(range(SETTLING, max(last, SETTLING), PART))
    ]
