"""Clusters become objects with a past: stable ids, motion, and memory of what is hidden."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment

from world_model_node.config import TouchConfig, TrackingConfig, WorkspaceConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.range_points import inside_workspace
from world_model_node.fusion.visibility import ABSENT, OCCLUDED, VisibilityModel
from world_model_node.inputs.contacts import ContactPatch, surface_distance
from world_model_node.inputs.hand_state import HandState
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.sensor_observation import SensorObservation
from world_model_node.tracking.track import Track

UNMATCHED_COST = 10.0  # what leaving a pair apart costs: as far as three gates
WORKSPACE_MARGIN_M = 0.03
SIMILAR_LOG_VOLUME, SIMILAR_CHROMATICITY = 0.3, 8.0  # of log volume and shading-free colour
CHROMATICITY_SCALE = 25.0  # as unlike as one gate of distance
GRID_BOX_M = 0.008  # of the grid that what is seen is looked for in
# so much of its surface is seen as that of others
MERGED_DISTANCE_M, MIN_MERGED_SHARE = 0.007, 0.7
# for so long, of the frames it was seen alone: a part
MIN_MERGED_FRAMES, MERGED_FRAMES_RATIO = 3, 1.0
MEMORY_RATIO = 5.0  # times as long as it was watched, what is hidden is remembered
MAX_FALL_S = 0.5  # after the hand has let it go
MAX_REACQUISITION_M = 0.3  # what leaves its place gets no farther within a frame
MAX_REACQUISITION_LOG_VOLUME, MAX_REACQUISITION_CHROMATICITY = 1.2, 16.0
STATIONARY_NOISE_SHARE = 0.03  # of the process noise, for what rests or is not seen
# of its speed per frame: nothing keeps an unseen object moving for long
UNSEEN_VELOCITY_SHARE = 0.5


class Tracker:
    """All objects of the table."""

    def __init__(
        self,
        config: TrackingConfig,
        touch: TouchConfig,
        workspace: WorkspaceConfig,
        gravity_mps2: float,
    ) -> None:
        self.config, self.touch = config, touch
        self.workspace = workspace
        self.gravity_mps2 = gravity_mps2
        self.reset()

    def reset(self) -> None:
        """Forget everything, ids included."""
        self.tracks: list[Track] = []
        self.stamp_s: float | None = None
        self.table_height_m = 0.0
        self._next_id = 1

    def predict(self, stamp_s: float, table_height_m: float) -> float:
        """Move every track to `stamp_s`; returns the time since the last step [s]."""
        self.table_height_m = table_height_m
        dt_s = 0.0 if self.stamp_s is None else max(0.0, stamp_s - self.stamp_s)
        for track in self.tracks:
            if track.held:
                continue  # the hand says where it is
            fall_mps2 = self.gravity_mps2 if track.is_airborne(table_height_m) else 0.0
            share = STATIONARY_NOISE_SHARE if track.is_stationary or not track.visible else 1.0
            track.filter.predict(dt_s, share * self.config.acceleration_sigma_mps2, fall_mps2)
            track.clamp_to_table(table_height_m)
        return dt_s

    def carry(self, held_id: int | None, hand: HandState | None, dt_s: float) -> None:
        """Let the object in the hand follow it, let go of any other, and mind what is touched."""
        for track in self.tracks:
            if hand is not None and track.id == held_id:
                track.carry(hand, dt_s, self.touch)
            else:
                track.release()
        if hand is not None and held_id is None:
            for contacts in hand.contacts:
                self._correct_by_contact(contacts)

    def _correct_by_contact(self, contacts: ContactPatch) -> None:
        """A pad presses on the nearest object, if that is near enough."""
        near = [
            (surface_distance(t.world_points(), contacts.center_of_pressure_m), t)
            for t in self.tracks
        ]
        near = [item for item in near if item[0] < self.touch.reach_m]
        if near:
            min(near, key=lambda item: item[0])[1].correct_by_contact(contacts, self.touch)

    def update(
        self,
        measurements: list[ObjectMeasurement],
        stamp_s: float,
        dt_s: float,
        visibility: VisibilityModel,
        sensor_observations: tuple[SensorObservation, ...] = (),
        T_world_grasp: np.ndarray | None = None,
    ) -> None:
        """Take in one set of measurements, after `predict` and `carry` to the same stamp."""
        first = self.stamp_s is None
        self.stamp_s = stamp_s
        free = [t for t in self.tracks if not t.held]
        matched = associate(free, measurements, self.config)
        matched = self._reassociate_dropped(free, measurements, matched, stamp_s)
        matched += self._reacquire(free, measurements, matched, visibility)
        surface = [o.points_m for o in measurements] or [np.zeros((0, 3))]
        cloud = PointGrid(np.concatenate(surface), GRID_BOX_M)
        height, gravity = self.table_height_m, self.gravity_mps2
        frame = FrameContext(
            stamp_s, dt_s, visibility, cloud, sensor_observations, height, gravity, T_world_grasp
        )
        for track, measurement in matched:
            track.update(measurement, frame)
        seen = {track.id for track, _ in matched}
        for track in free:
            if track.id not in seen:
                self._mark_missed(track, visibility, cloud)
        self.tracks = [
            t for t in self.tracks if not (self._is_expired(t, stamp_s) or self._is_outside(t))
        ]
        taken = {id(measurement) for _, measurement in matched}
        for measurement in measurements:
            if id(measurement) not in taken:
                self._create_track(measurement, stamp_s, confirmed=first)

    def _reassociate_dropped(
        self,
        free: list[Track],
        measurements: list[ObjectMeasurement],
        matched: list[tuple[Track, ObjectMeasurement]],
        stamp_s: float,
    ) -> list[tuple[Track, ObjectMeasurement]]:
        """The pairs, with what fell out of the hand as what has appeared below it since.

        It is seen there before touch has told that it is gone, and then a newborn track has it.
        """
        kept = {id(track) for track, _ in matched}
        fallen = [t for t in free if id(t) not in kept and stamp_s - t.released_s < MAX_FALL_S]
        known = {id(o) for t, o in matched if stamp_s - t.created_s >= MAX_FALL_S}
        again = gated_assignment(
            fallen, [o for o in measurements if id(o) not in known], reacquisition_cost
        )
        taken = {id(measurement) for _, measurement in again}
        newborn = {id(t) for t, o in matched if id(o) in taken}
        self.tracks = [t for t in self.tracks if id(t) not in newborn]
        return [(t, o) for t, o in matched if id(o) not in taken] + again

    def _reacquire(
        self,
        free: list[Track],
        measurements: list[ObjectMeasurement],
        matched: list[tuple[Track, ObjectMeasurement]],
        visibility: VisibilityModel,
    ) -> list[tuple[Track, ObjectMeasurement]]:
        """What is gone from its place and what is new nearby at once: a topple, a throw, a hit."""
        taken = {id(item) for pair in matched for item in pair}
        new = [o for o in measurements if id(o) not in taken]
        if not new:
            return []
        lost = [t for t in free if id(t) not in taken and t.hits >= self.config.confirm_frames]
        lost = [t for t in lost if visibility.classify_absence(t.world_points()) == ABSENT]
        return gated_assignment(lost, new, reacquisition_cost)

    def confirmed(self) -> list[Track]:
        """The tracks seen often enough to be objects, by id."""
        return [t for t in self.tracks if t.hits >= self.config.confirm_frames]

    def _create_track(
        self, measurement: ObjectMeasurement, stamp_s: float, confirmed: bool
    ) -> None:
        track = Track(self._next_id, measurement, stamp_s, self.table_height_m, self.config)
        track.hits = self.config.confirm_frames if confirmed else 1
        self._next_id += 1
        self.tracks.append(track)

    def _mark_missed(self, track: Track, visibility: VisibilityModel, cloud: PointGrid) -> None:
        track.visible = False
        track.absence = visibility.classify_absence(track.world_points())
        if track.absence == ABSENT:
            track.absent_frames += 1
        elif track.surface_share_in(cloud, MERGED_DISTANCE_M) > MIN_MERGED_SHARE:
            track.merged_frames += 1
        track.filter.damp_velocity(UNSEEN_VELOCITY_SHARE)

    def _is_outside(self, track: Track) -> bool:
        """Whether it is beyond the workspace and nobody carries it."""
        return (
            not track.held
            and not inside_workspace(
                track.filter.position_m[None], self.workspace, margin_m=WORKSPACE_MARGIN_M
            )[0]
        )

    def _is_expired(self, track: Track, stamp_s: float) -> bool:
        if track.visible or track.held:
            return False
        unseen_s = stamp_s - track.last_seen_s
        if (
            track.hits < self.config.confirm_frames
            or track.absent_frames >= self.config.vanish_frames
            or track.merged_frames > max(MIN_MERGED_FRAMES, MERGED_FRAMES_RATIO * track.hits)
        ):
            return True
        config = self.config
        remembered_s = min(config.occluded_timeout_s, MEMORY_RATIO * track.observed_s)
        occluded = track.absence == OCCLUDED
        return unseen_s > (
            max(remembered_s, config.unseen_timeout_s) if occluded else config.unseen_timeout_s
        )


def associate(
    tracks: list[Track], measurements: list[ObjectMeasurement], config: TrackingConfig
) -> list[tuple[Track, ObjectMeasurement]]:
    """The pairing of least total cost among those within the gate."""
    return gated_assignment(tracks, measurements, lambda t, o: association_cost(t, o, config))


def gated_assignment(
    tracks: list[Track],
    measurements: list[ObjectMeasurement],
    cost_of: Callable[[Track, ObjectMeasurement], float],
) -> list[tuple[Track, ObjectMeasurement]]:
    """The pairing of least total cost, without those that cost UNMATCHED_COST."""
    if not tracks or not measurements:
        return []
    cost = np.array([[cost_of(t, o) for o in measurements] for t in tracks])
    rows, columns = linear_sum_assignment(cost)
    return [
        (tracks[r], measurements[c])
        for r, c in zip(rows, columns, strict=True)
        if cost[r, c] < UNMATCHED_COST
    ]


def association_cost(
    track: Track, measurement: ObjectMeasurement, config: TrackingConfig
) -> float:
    """How unlike a track a measurement is, in gates of distance; UNMATCHED_COST at most."""
    gap = track.distance_m(measurement.position_m)
    spread = 2.0 * np.sqrt(np.trace(track.filter.P[:3, :3]) / 3.0)
    log_volume_ratio = abs(np.log((measurement.volume_m3 + 1e-6) / (track.volume_m3 + 1e-6)))
    chromaticity = chromaticity_distance(track, measurement)
    # what was hidden may have been moved meanwhile, and comes out piece by piece
    similar = chromaticity < SIMILAR_CHROMATICITY and (
        log_volume_ratio < SIMILAR_LOG_VOLUME or track.absence == OCCLUDED
    )
    gate = (
        config.reacquisition_gate_m
        if similar
        else min(config.gate_m + spread, 3.0 * config.gate_m)
    )
    if gap > gate:
        return UNMATCHED_COST
    cost = (
        (gap / config.gate_m) ** 2
        + 0.2 * log_volume_ratio
        + (chromaticity / CHROMATICITY_SCALE) ** 2
    )
    return float(min(cost, UNMATCHED_COST))


def reacquisition_cost(track: Track, measurement: ObjectMeasurement) -> float:
    """How unlike what has left its place something new is; UNMATCHED_COST where it is another."""
    gap = track.distance_m(measurement.position_m)
    log_volume_ratio = abs(np.log((measurement.volume_m3 + 1e-6) / (track.volume_m3 + 1e-6)))
    chromaticity = chromaticity_distance(track, measurement)
    if (
        gap > MAX_REACQUISITION_M
        or log_volume_ratio > MAX_REACQUISITION_LOG_VOLUME
        or chromaticity > MAX_REACQUISITION_CHROMATICITY
    ):
        return UNMATCHED_COST
    return (
        gap / MAX_REACQUISITION_M
        + log_volume_ratio / MAX_REACQUISITION_LOG_VOLUME
        + chromaticity / MAX_REACQUISITION_CHROMATICITY
    )


def chromaticity_distance(track: Track, measurement: ObjectMeasurement) -> float:
    """The distance of their shading-free colours; 0 where either is not known."""
    gap = float(np.linalg.norm(measurement.chromaticity - track.chromaticity))
    return gap if np.isfinite(gap) else 0.0
