"""Recorded tosses (sakiyomi_data/tosses/recordings.py) as what a tracker would have noted.

Twists are backward differences of the poses, so that nothing is known before it happens.
"""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from sakiyomi.errors import BadInputError
from sakiyomi.scene import ObjectState
from sakiyomi_data.tosses.recordings import Tosses, read_tosses
from sakiyomi_training.world_model.examples.recording_examples import RecordedSequence
from world_model_node.config import PredictionConfig
from world_model_node.contact_estimation.property_prior import prior_properties
from world_model_node.model.dimensions import STEP_S
from world_model_node.model.features.scene_observation import SceneObservation

MIN_RATE_HZ = 40.0  # slower, steps of 50 ms cannot be interpolated through an impact
DIFFERENCE_S = 0.02  # over which twists are measured
MIN_PAST_S = 0.1  # watched before the first prediction
MIN_AHEAD_S = 0.15  # at least to be compared with
MAX_SPEED_MPS = 15.0  # a faster jump is a gap in the recording
POSE_SIGMA_M, POSE_SIGMA_RAD = 1e-3, 1e-2
TWIST_SIGMA_MPS, TWIST_SIGMA_RADPS = 0.1, 0.7
POINTS_PER_EDGE = 9  # points along an edge
log = logging.getLogger(__name__)


def read_toss_file(path: Path) -> list[RecordedSequence]:
    """Every toss in a file; those with gaps in pieces.

    Raises:
        BadInputError: the file cannot be used.
    """
    tosses = read_tosses(path, min_tosses=1)
    if tosses.rate_hz < MIN_RATE_HZ:
        raise BadInputError(
            f'{path}: rate_hz: got {tosses.rate_hz:g}, expected {MIN_RATE_HZ:g} or more'
        )
    table_m = _table_height(tosses)
    found: list[RecordedSequence] = []
    for number in range(len(tosses)):
        pieces = _pieces(tosses, number)
        if len(pieces) > 1:
            log.warning('%s, toss %d: gaps, cut into %d pieces', path, number, len(pieces))
        for first, last in pieces:
            piece = _recorded_sequence(
                f'{path}, toss {number}', tosses, number, first, last, table_m
            )
            if piece.starts:
                found.append(piece)
    if not found:
        raise BadInputError(
            f'{path}: got no toss of {MIN_PAST_S + MIN_AHEAD_S:g} s or more, expected at least one'
        )
    return found


def cube_points(width_m: float) -> np.ndarray:
    """A grid on the faces of a cube (N, 3), float32."""
    side = np.linspace(-0.5, 0.5, POINTS_PER_EDGE)
    grid = np.stack(np.meshgrid(side, side, side), -1).reshape(-1, 3)
    return (width_m * grid[np.abs(grid).max(axis=1) > 0.499]).astype(np.float32)


def _pieces(tosses: Tosses, number: int) -> list[tuple[int, int]]:
    """First frame, and the one after the last, of what was recorded without a gap."""
    length = int(tosses.length[number])
    speed = np.linalg.norm(np.diff(tosses.position[number, :length], axis=0), axis=1)
    gaps = np.flatnonzero(speed * tosses.rate_hz > MAX_SPEED_MPS) + 1
    edges = [0, *gaps.tolist(), length]
    return list(itertools.pairwise(edges))


def _table_height(tosses: Tosses) -> float:
    """Where the lowest corner comes to rest, over the tosses of the file [m]."""
    last = np.arange(len(tosses)), tosses.length - 1
    rotations = _rotations(tosses.rotation[last]).as_matrix()
    points = cube_points(tosses.width_m)
    lowest = (rotations @ points.T)[:, 2].min(axis=1) + tosses.position[last][:, 2]
    return float(np.median(lowest))


def _recorded_sequence(
    name: str, tosses: Tosses, number: int, first: int, last: int, table_m: float
) -> RecordedSequence:
    position = tosses.position[number, first:last].astype(float)
    rotations = _rotations(tosses.rotation[number, first:last])
    stamps = np.arange(last - first) / tosses.rate_hz
    span = max(1, round(DIFFERENCE_S * tosses.rate_hz))
    twists = backward_twists(position, rotations, stamps, span)
    points = cube_points(tosses.width_m)
    about = prior_properties(tosses.width_m**3, np.full(3, tosses.width_m), PredictionConfig())
    observations = []
    for frame, stamp_s in enumerate(stamps.tolist()):
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = rotations[frame].as_matrix(), position[frame]
        state = ObjectState(
            id=1,
            stamp_s=stamp_s,
            T_world_object=T,
            pose_covariance=_diagonal(POSE_SIGMA_M, POSE_SIGMA_RAD),
            twist=twists[frame],
            twist_covariance=_diagonal(TWIST_SIGMA_MPS, TWIST_SIGMA_RADPS),
            points_m=points,
            colors=np.full((len(points), 3), 128, np.uint8),
            properties=about,
        )
        observations.append(SceneObservation(stamp_s, (state,), table_m, None))
    return RecordedSequence(
        name, tuple(observations), _start_frames(stamps), score_first_only=True
    )


def backward_twists(
    position: np.ndarray, rotations: Rotation, stamps: np.ndarray, span: int
) -> np.ndarray:
    """Velocity and spin (T, 6) of each frame from it and those `span` and twice as many before.

    The three-point difference leaves no lag under constant acceleration; the spin is the plain
    difference, for it changes little in flight.
    """
    frames = np.arange(len(position))
    one, two = np.maximum(frames - span, 0), np.maximum(frames - 2 * span, 0)
    near = np.maximum(stamps - stamps[one], 1e-9)[:, None]
    far = np.maximum(stamps[one] - stamps[two], 1e-9)[:, None]
    late = (position - position[one]) / near
    early = (position[one] - position[two]) / far
    whole = (frames >= 2 * span)[:, None]
    velocity = np.where(whole, late + 0.5 * (late - early), late)
    spin = (rotations * rotations[one].inv()).as_rotvec() / near
    return np.concatenate([velocity, spin], 1)


def _start_frames(stamps: np.ndarray) -> tuple[int, ...]:
    """Every 50 ms, from where enough was watched to where enough is ahead."""
    if not len(stamps):
        return ()
    at = np.arange(MIN_PAST_S, stamps[-1] - MIN_AHEAD_S + 1e-9, STEP_S)
    return tuple(int(np.abs(stamps - t).argmin()) for t in at)


def _rotations(quaternions: np.ndarray) -> Rotation:
    return Rotation.from_quat(quaternions[..., [1, 2, 3, 0]].astype(float))


def _diagonal(linear: float, angular: float) -> np.ndarray:
    return np.diag(np.repeat([linear**2, angular**2], 3))
