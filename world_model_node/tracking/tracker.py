"""Tracking of all objects: stable ids, motion, and memory of occluded objects."""

from __future__ import annotations

import numpy as np

from world_model_node.config import TouchConfig, WorkspaceConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.range_points import inside_workspace
from world_model_node.fusion.sensor_observation import SensorObservation
from world_model_node.fusion.visibility import ABSENT, OCCLUDED, VisibilityModel
from world_model_node.inputs.contacts import ContactPatch, surface_distance
from world_model_node.inputs.hand_state import HandState
from world_model_node.tracking.association import Association, Pair
from world_model_node.tracking.frame_context import FrameContext
from world_model_node.tracking.object_measurement import ObjectMeasurement
from world_model_node.tracking.track import Track
from world_model_node.tracking.tracker_config import TrackerConfig


class Tracker:
    """All objects on the table."""

    def __init__(
        self,
        config: TrackerConfig,
        touch: TouchConfig,
        workspace: WorkspaceConfig,
        gravity_mps2: float,
    ) -> None:
        self.config, self.touch = config, touch
        self.workspace = workspace
        self.gravity_mps2 = gravity_mps2
        self.association = Association(config)
        self.reset()

    def reset(self) -> None:
        """Drop all tracks; ids start over."""
        self.tracks: list[Track] = []
        self.stamp_s: float | None = None
        self.table_height_m = 0.0
        self._next_id = 1

    def predict(self, stamp_s: float, table_height_m: float) -> float:
        """Predict every track that is not held to `stamp_s`; returns the time step [s]."""
        self.table_height_m = table_height_m
        dt_s = 0.0 if self.stamp_s is None else max(0.0, stamp_s - self.stamp_s)
        for track in self.tracks:
            if not track.held:
                track.predict(dt_s, table_height_m, self.gravity_mps2)
        return dt_s

    def carry(self, held_id: int | None, hand: HandState | None, dt_s: float) -> None:
        """Move the held object with the hand, release others, and correct touched objects."""
        for track in self.tracks:
            if hand is not None and track.id == held_id:
                track.carry(hand, dt_s, self.touch)
            else:
                track.release()
        if hand is not None and held_id is None:
            for contacts in hand.contacts:
                self._correct_by_contact(contacts)

    def _correct_by_contact(self, contacts: ContactPatch) -> None:
        """Correct the object nearest to a pad in contact, within reach."""
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
        """Update all tracks by measurements, after `predict` and `carry` to the same stamp.

        Args:
            measurements: the objects of the present cloud.
            stamp_s: their stamp.
            dt_s: as returned by `predict`.
            visibility: the present view.
            sensor_observations: the sensor frames since the previous update.
            T_world_grasp: pose (4, 4) of the hand, if there is one.
        """
        is_first = self.stamp_s is None
        self.stamp_s = stamp_s
        free = [t for t in self.tracks if not t.held]
        matched, replaced = self.association.match(free, measurements, stamp_s, visibility)
        self.tracks = [t for t in self.tracks if t not in replaced]
        surface = [o.points_m for o in measurements] or [np.zeros((0, 3))]
        cloud = PointGrid(np.concatenate(surface), self.config.association.grid_box_m)
        height, gravity = self.table_height_m, self.gravity_mps2
        frame = FrameContext(
            stamp_s, dt_s, visibility, cloud, sensor_observations, height, gravity, T_world_grasp
        )
        for track, measurement in matched:
            track.update(measurement, frame)
        self._drop_tracks(free, matched, frame)
        taken = {id(measurement) for _, measurement in matched}
        for measurement in measurements:
            if id(measurement) not in taken:
                self._create_track(measurement, stamp_s, is_confirmed=is_first)

    def _drop_tracks(self, free: list[Track], matched: list[Pair], frame: FrameContext) -> None:
        """Mark the tracks that were missed, and drop those that have expired or left."""
        seen = {track.id for track, _ in matched}
        for track in free:
            if track.id not in seen:
                self._mark_missed(track, frame.visibility, frame.cloud)
        self.tracks = [
            t
            for t in self.tracks
            if not (self._is_expired(t, frame.stamp_s) or self._is_outside(t))
        ]

    def confirmed(self) -> list[Track]:
        """The tracks seen often enough to be objects, by id."""
        return [t for t in self.tracks if t.hits >= self.config.parameters.confirm_frames]

    def _create_track(
        self, measurement: ObjectMeasurement, stamp_s: float, is_confirmed: bool
    ) -> None:
        track = Track(self._next_id, measurement, stamp_s, self.table_height_m, self.config)
        track.hits = self.config.parameters.confirm_frames if is_confirmed else 1
        self._next_id += 1
        self.tracks.append(track)

    def _mark_missed(self, track: Track, visibility: VisibilityModel, cloud: PointGrid) -> None:
        track.visible = False
        track.absence = visibility.classify_absence(track.world_points())
        if track.absence == ABSENT:
            track.absent_frames += 1
        elif track.surface_share_in(cloud) > self.config.lifetime.min_merged_share:
            track.merged_frames += 1
        track.filter.damp_velocity(self.config.track.unseen_velocity_share)

    def _is_outside(self, track: Track) -> bool:
        """Whether a track that is not held is beyond the workspace."""
        margin_m = self.config.lifetime.workspace_margin_m
        position_m = track.filter.position_m[None]
        inside = inside_workspace(position_m, self.workspace, margin_m=margin_m)[0]
        return not track.held and not inside

    def _is_expired(self, track: Track, stamp_s: float) -> bool:
        parameters, config = self.config.parameters, self.config.lifetime
        if track.visible or track.held:
            return False
        max_merged_frames = max(config.min_merged_frames, config.merged_frames_ratio * track.hits)
        if (
            track.hits < parameters.confirm_frames
            or track.absent_frames >= parameters.vanish_frames
            or track.merged_frames > max_merged_frames
        ):
            return True
        timeout_s = parameters.unseen_timeout_s
        if track.absence == OCCLUDED:
            remembered_s = config.memory_ratio * track.observed_s
            timeout_s = max(min(parameters.occluded_timeout_s, remembered_s), timeout_s)
        return stamp_s - track.last_seen_s > timeout_s
