"""HOTA: higher-order tracking accuracy (Luiten et al., HOTA, IJCV 2020).

The similarity of a track and a true object is 1 - (distance of their centres) / 5 cm, cut at 0.
As in the authors' TrackEval, the matching of a frame favours pairs that go together over the
whole sequence, and the figures are means over the localisation thresholds 0.05 to 0.95.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

ALPHAS = np.arange(1, 20) / 20.0
SWITCH_ALPHA = 0.5  # identity switches are counted among matches this similar
MAX_MATCH_DISTANCE_M = 0.05
EPSILON = 1e-9


@dataclass(frozen=True)
class TrackingFrame:
    """One instant: who is there, who was tracked, and how alike they are."""

    truths: tuple[int, ...]
    tracks: tuple[int, ...]
    similarity: np.ndarray  # (truths, tracks) in [0, 1]


@dataclass(frozen=True)
class TrackingScore:
    """The figures of a sequence."""

    hota: float
    detection: float  # DetA
    association: float  # AssA
    id_switches: int


def center_similarity(true_m: np.ndarray, tracked_m: np.ndarray) -> np.ndarray:
    """1 at the same centre, 0 from 5 cm on: (N, 3) and (M, 3) to (N, M)."""
    gap = np.linalg.norm(true_m[:, None] - tracked_m[None], axis=2)
    return np.clip(1.0 - gap / MAX_MATCH_DISTANCE_M, 0.0, 1.0)


def score(frames: list[TrackingFrame]) -> TrackingScore:
    """HOTA and its parts; 1 where there was nothing to track and nothing was tracked."""
    matches = match(frames)
    true_count, track_count = _appearances(frames)
    parts = np.array(
        [_at_threshold(matches, true_count, track_count, a) for a in ALPHAS]
    )  # (19, 2)
    hota = float(np.sqrt(parts.prod(axis=1)).mean())
    detection, association = parts.mean(axis=0).tolist()
    return TrackingScore(hota, detection, association, id_switches(matches))


def match(frames: list[TrackingFrame]) -> list[list[tuple[int, int, float]]]:
    """Per frame the pairs (truth, track, similarity) of the best assignment."""
    alignment = _alignment(frames)
    matched = []
    for frame in frames:
        weight = np.array(
            [[alignment.get((t, k), 0.0) for k in frame.tracks] for t in frame.truths]
        ).reshape(frame.similarity.shape)
        rows, columns = linear_sum_assignment(-weight * frame.similarity)
        matched.append(
            [
                (frame.truths[r], frame.tracks[c], float(frame.similarity[r, c]))
                for r, c in zip(rows, columns, strict=True)
                if frame.similarity[r, c] > 0.0
            ]
        )
    return matched


def id_switches(matches: list[list[tuple[int, int, float]]]) -> int:
    """How often a true object is found again under another id than before."""
    last: dict[int, int] = {}
    switches = 0
    for pairs in matches:
        for truth, track, similarity in pairs:
            if similarity >= SWITCH_ALPHA:
                switches += last.get(truth, track) != track
                last[truth] = track
    return switches


def _alignment(frames: list[TrackingFrame]) -> dict[tuple[int, int], float]:
    """The Jaccard index of each pair over the whole sequence, weighted by similarity."""
    together: dict[tuple[int, int], float] = {}
    for frame in frames:
        s = frame.similarity
        share = s / np.maximum(s.sum(0, keepdims=True) + s.sum(1, keepdims=True) - s, EPSILON)
        for (r, c), value in np.ndenumerate(share):
            if value > 0.0:
                pair = frame.truths[r], frame.tracks[c]
                together[pair] = together.get(pair, 0.0) + float(value)
    true_count, track_count = _appearances(frames)
    return {
        (t, k): value / (true_count[t] + track_count[k] - value)
        for (t, k), value in together.items()
    }


def _appearances(frames: list[TrackingFrame]) -> tuple[dict[int, int], dict[int, int]]:
    """In how many frames each truth and each track is."""
    truths: dict[int, int] = {}
    tracks: dict[int, int] = {}
    for frame in frames:
        for counts, ids in ((truths, frame.truths), (tracks, frame.tracks)):
            for key in ids:
                counts[key] = counts.get(key, 0) + 1
    return truths, tracks


def _at_threshold(
    matches: list[list[tuple[int, int, float]]],
    true_count: dict[int, int],
    track_count: dict[int, int],
    alpha: float,
) -> tuple[float, float]:
    """DetA and AssA at one localisation threshold."""
    pairs: dict[tuple[int, int], int] = {}
    for frame in matches:
        for truth, track, similarity in frame:
            if similarity >= alpha - EPSILON:
                pairs[truth, track] = pairs.get((truth, track), 0) + 1
    hits = sum(pairs.values())
    union = sum(true_count.values()) + sum(track_count.values()) - hits
    if not union:
        return 1.0, 1.0
    association = sum(n * n / (true_count[t] + track_count[k] - n) for (t, k), n in pairs.items())
    return hits / union, association / max(hits, 1)
