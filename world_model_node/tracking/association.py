"""Association of measurements with tracks: costs, gates, assignment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment

from world_model_node.fusion.visibility import ABSENT, OCCLUDED, VisibilityModel
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.track import Track
from world_model_node.tracking.tracker_config import TrackerConfig

Pair = tuple[Track, ObjectMeasurement]
Cost = Callable[[Track, ObjectMeasurement], float]

MIN_VOLUME_M3 = 1e-6  # keeps the ratio of two volumes finite


class Association:
    """Pairs the tracks that are not held with the measurements of an update."""

    def __init__(self, config: TrackerConfig) -> None:
        self.config = config.association
        self.parameters = config.parameters

    def match(
        self,
        tracks: list[Track],
        measurements: list[ObjectMeasurement],
        stamp_s: float,
        visibility: VisibilityModel,
    ) -> tuple[list[Pair], list[Track]]:
        """Pairs by predicted position, then of dropped and lost objects; and replaced tracks."""
        nearest = self._assign(tracks, measurements, self._cost)
        matched = self._reassociate_dropped(tracks, measurements, nearest, stamp_s)
        kept = {id(track) for track, _ in matched}
        replaced = [track for track, _ in nearest if id(track) not in kept]
        return matched + self._reacquire(tracks, measurements, matched, visibility), replaced

    def _reassociate_dropped(
        self,
        tracks: list[Track],
        measurements: list[ObjectMeasurement],
        matched: list[Pair],
        stamp_s: float,
    ) -> list[Pair]:
        """The pairs, with dropped objects in place of new tracks that have appeared below.

        A camera sees a dropped object before the pads lose contact, as a new track.
        """
        kept, max_s = {id(track) for track, _ in matched}, self.config.max_fall_s
        dropped = [t for t in tracks if id(t) not in kept and stamp_s - t.released_s < max_s]
        known = {id(o) for t, o in matched if stamp_s - t.created_s >= max_s}
        candidates = [o for o in measurements if id(o) not in known]
        again = self._assign(dropped, candidates, self._reacquisition_cost)
        taken = {id(measurement) for _, measurement in again}
        return [(t, o) for t, o in matched if id(o) not in taken] + again

    def _reacquire(
        self,
        tracks: list[Track],
        measurements: list[ObjectMeasurement],
        matched: list[Pair],
        visibility: VisibilityModel,
    ) -> list[Pair]:
        """Pairs of lost tracks with new objects nearby: after a topple, a throw, a hit."""
        taken = {id(item) for pair in matched for item in pair}
        new = [o for o in measurements if id(o) not in taken]
        if not new:
            return []
        min_hits = self.parameters.confirm_frames
        lost = [t for t in tracks if id(t) not in taken and t.hits >= min_hits]
        lost = [t for t in lost if visibility.classify_absence(t.world_points()) == ABSENT]
        return self._assign(lost, new, self._reacquisition_cost)

    def _assign(
        self, tracks: list[Track], measurements: list[ObjectMeasurement], cost_of: Cost
    ) -> list[Pair]:
        """The pairs of least total cost, without those of the cost of no pair."""
        if not tracks or not measurements:
            return []
        cost = np.array([[cost_of(t, o) for o in measurements] for t in tracks])
        rows, columns = linear_sum_assignment(cost)
        return [
            (tracks[r], measurements[c])
            for r, c in zip(rows, columns, strict=True)
            if cost[r, c] < self.config.unmatched_cost
        ]

    def _cost(self, track: Track, measurement: ObjectMeasurement) -> float:
        """The dissimilarity of track and measurement, in gates of distance."""
        config, gap = self.config, track.distance_m(measurement.position_m)
        log_volume_ratio = _log_volume_ratio(track, measurement)
        chromaticity = _chromaticity_distance(track, measurement)
        # an occluded object may have been moved, and reappears piece by piece
        similar = chromaticity < config.similar_chromaticity and (
            log_volume_ratio < config.similar_log_volume or track.absence == OCCLUDED
        )
        if gap > self._gate_m(track, similar):
            return config.unmatched_cost
        cost = (
            (gap / self.parameters.gate_m) ** 2
            + config.log_volume_weight * log_volume_ratio
            + (chromaticity / config.chromaticity_scale) ** 2
        )
        return float(min(cost, config.unmatched_cost))

    def _gate_m(self, track: Track, similar: bool) -> float:
        """The largest distance of a measurement, by the uncertainty of the track."""
        gate_m = self.parameters.gate_m
        spread = 2.0 * np.sqrt(np.trace(track.filter.P[:3, :3]) / 3.0)
        return (
            self.parameters.reacquisition_gate_m if similar else min(gate_m + spread, 3.0 * gate_m)
        )

    def _reacquisition_cost(self, track: Track, measurement: ObjectMeasurement) -> float:
        """The dissimilarity of a lost track and a new object."""
        config = self.config
        distance = track.distance_m(measurement.position_m) / config.max_reacquisition_m
        volume = _log_volume_ratio(track, measurement) / config.max_reacquisition_log_volume
        chromaticity = _chromaticity_distance(track, measurement)
        color = chromaticity / config.max_reacquisition_chromaticity
        if max(distance, volume, color) > 1.0:
            return config.unmatched_cost
        return distance + volume + color


def _log_volume_ratio(track: Track, measurement: ObjectMeasurement) -> float:
    return abs(np.log((measurement.volume_m3 + MIN_VOLUME_M3) / (track.volume_m3 + MIN_VOLUME_M3)))


def _chromaticity_distance(track: Track, measurement: ObjectMeasurement) -> float:
    """The distance of the chromaticities; 0 where either is unknown."""
    gap = float(np.linalg.norm(measurement.chromaticity - track.chromaticity))
    return gap if np.isfinite(gap) else 0.0
