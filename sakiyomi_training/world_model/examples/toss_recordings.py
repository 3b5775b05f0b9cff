"""Recorded tosses (sakiyomi_data/tosses/recordings.py) as observations of a tracker.

Twists are backward differences of the poses, so that they contain no information from the future.
"""

from __future__ import annotations

import itertools
import logging
from dataclasses import dataclass
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

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TossRecordingConfig:
    """Which tosses are usable, and the noise of a tracker of tosses.

    Attributes:
        min_rate_hz: Least rate; lower rates do not resolve impacts at steps of 50 ms.
        difference_s: Time over which twists are measured.
        min_past_s: Observed time before the first prediction.
        min_ahead_s: Least time after the last prediction.
        max_speed_mps: Speed of a jump above which the recording has a gap.
        pose_sigma_m: Standard deviation of positions.
        pose_sigma_rad: Standard deviation of rotations.
        twist_sigma_mps: Standard deviation of velocities.
        twist_sigma_radps: Standard deviation of spins.
        points_per_edge: Surface points along an edge of the cube.
    """

    min_rate_hz: float = 40.0
    difference_s: float = 0.02
    min_past_s: float = 0.1
    min_ahead_s: float = 0.15
    max_speed_mps: float = 15.0
    pose_sigma_m: float = 1e-3
    pose_sigma_rad: float = 1e-2
    twist_sigma_mps: float = 0.1
    twist_sigma_radps: float = 0.7
    points_per_edge: int = 9


def read_toss_file(
    path: Path, config: TossRecordingConfig | None = None
) -> list[RecordedSequence]:
    """Every toss of a file; a toss with gaps becomes several pieces.

    Raises:
        BadInputError: The file cannot be used.
    """
    c = config or TossRecordingConfig()
    tosses = read_tosses(path, min_tosses=1)
    if tosses.rate_hz < c.min_rate_hz:
        raise BadInputError(
            f'{path}: rate_hz: got {tosses.rate_hz:g}, expected {c.min_rate_hz:g} or more'
        )
    points = cube_points(tosses.width_m, c.points_per_edge)
    table_m = _table_height(tosses, points)
    found: list[RecordedSequence] = []
    for number in range(len(tosses)):
        pieces = _pieces(tosses, number, c.max_speed_mps)
        if len(pieces) > 1:
            log.warning('%s, toss %d: gaps, cut into %d pieces', path, number, len(pieces))
        for first, last in pieces:
            piece = _recorded_sequence(
                f'{path}, toss {number}', tosses, number, (first, last), points, table_m, c
            )
            if piece.starts:
                found.append(piece)
    if not found:
        need_s = c.min_past_s + c.min_ahead_s
        raise BadInputError(f'{path}: got no toss of {need_s:g} s or more, expected at least one')
    return found


def cube_points(width_m: float, points_per_edge: int) -> np.ndarray:
    """A grid on the faces of a cube (N, 3), float32."""
    side = np.linspace(-0.5, 0.5, points_per_edge)
    grid = np.stack(np.meshgrid(side, side, side), -1).reshape(-1, 3)
    return (width_m * grid[np.abs(grid).max(axis=1) > 0.499]).astype(np.float32)


def _pieces(tosses: Tosses, number: int, max_speed_mps: float) -> list[tuple[int, int]]:
    """The first frame and the end of every piece without a gap."""
    length = int(tosses.length[number])
    speed = np.linalg.norm(np.diff(tosses.position[number, :length], axis=0), axis=1)
    gaps = np.flatnonzero(speed * tosses.rate_hz > max_speed_mps) + 1
    edges = [0, *gaps.tolist(), length]
    return list(itertools.pairwise(edges))


def _table_height(tosses: Tosses, points: np.ndarray) -> float:
    """The median height of the lowest corner at rest, over the tosses of a file [m]."""
    last = np.arange(len(tosses)), tosses.length - 1
    rotations = _rotations(tosses.rotation[last]).as_matrix()
    lowest = (rotations @ points.T)[:, 2].min(axis=1) + tosses.position[last][:, 2]
    return float(np.median(lowest))


def _recorded_sequence(
    name: str,
    tosses: Tosses,
    number: int,
    frames: tuple[int, int],
    points: np.ndarray,
    table_m: float,
    config: TossRecordingConfig,
) -> RecordedSequence:
    first, last = frames
    position = tosses.position[number, first:last].astype(float)
    rotations = _rotations(tosses.rotation[number, first:last])
    stamps = np.arange(last - first) / tosses.rate_hz
    span = max(1, round(config.difference_s * tosses.rate_hz))
    twists = backward_twists(position, rotations, stamps, span)
    about = prior_properties(tosses.width_m**3, np.full(3, tosses.width_m), PredictionConfig())
    observations = []
    for frame, stamp_s in enumerate(stamps.tolist()):
        T = np.eye(4)
        T[:3, :3], T[:3, 3] = rotations[frame].as_matrix(), position[frame]
        state = ObjectState(
            id=1,
            stamp_s=stamp_s,
            T_world_object=T,
            pose_covariance=_diagonal(config.pose_sigma_m, config.pose_sigma_rad),
            twist=twists[frame],
            twist_covariance=_diagonal(config.twist_sigma_mps, config.twist_sigma_radps),
            points_m=points,
            colors=np.full((len(points), 3), 128, np.uint8),
            properties=about,
        )
        observations.append(SceneObservation(stamp_s, (state,), table_m, None))
    return RecordedSequence(
        name, tuple(observations), _start_frames(stamps, config), score_first_only=True
    )


def backward_twists(
    position: np.ndarray, rotations: Rotation, stamps: np.ndarray, span: int
) -> np.ndarray:
    """Velocity and spin (T, 6) of each frame by backward differences over `span` frames.

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


def _start_frames(stamps: np.ndarray, config: TossRecordingConfig) -> tuple[int, ...]:
    """Frames every 50 ms with enough recorded time before and after."""
    if not len(stamps):
        return ()
    at = np.arange(config.min_past_s, stamps[-1] - config.min_ahead_s + 1e-9, STEP_S)
    return tuple(int(np.abs(stamps - t).argmin()) for t in at)


def _rotations(quaternions: np.ndarray) -> Rotation:
    return Rotation.from_quat(quaternions[..., [1, 2, 3, 0]].astype(float))


def _diagonal(linear: float, angular: float) -> np.ndarray:
    return np.diag(np.repeat([linear**2, angular**2], 3))
