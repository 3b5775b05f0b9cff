"""Clusters become objects with a past: stable ids, motion, and memory of what is hidden."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment

from world_model_node.between_looks.glance import Glance
from world_model_node.config import TouchConfig, TrackingConfig, WorkspaceConfig
from world_model_node.fusion.point_grid import PointGrid
from world_model_node.fusion.range_points import inside_workspace
from world_model_node.fusion.visibility import GONE, HIDDEN, Sight
from world_model_node.touch.contacts import Contacts, surface_distance
from world_model_node.touch.hand_state import HandState
from world_model_node.tracking.look import Look
from world_model_node.tracking.observation import Observation
from world_model_node.tracking.track import Track

NO_MATCH = 10.0  # what leaving a pair apart costs: as far as three gates
LEAVING_M = 0.03
ALIKE_GROWTH, ALIKE_PAINT = 0.3, 8.0  # of log volume and shading-free colour
PAINT = 25.0  # as unlike as one gate of distance
BOX_M = 0.008  # of the grid that what is seen is looked for in
PART_M, PART_SHARE = 0.007, 0.7  # so much of its surface is seen as that of others
LEAST_PART_FRAMES, PART_FRAMES = 3, 1.0  # for so long, of the frames it was seen alone: a part
REMEMBERED = 5.0  # times as long as it was watched, what is hidden is remembered
FALL_S = 0.5  # after the hand has let it go
FURTHEST_M = 0.3  # what leaves its place gets no farther within a frame
LEAP_GROWTH, LEAP_PAINT = 1.2, 16.0
REST_SHARE = 0.03  # of the process noise, for what rests or is not seen
UNSEEN_KEEPS = 0.5  # of its speed per frame: nothing keeps an unseen object moving for long


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
            drop = self.gravity_mps2 if track.airborne(table_height_m) else 0.0
            share = REST_SHARE if track.resting or not track.visible else 1.0
            track.filter.predict(dt_s, share * self.config.acceleration_sigma_mps2, drop)
            track.stay_above(table_height_m)
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
                self._touch(contacts)

    def _touch(self, contacts: Contacts) -> None:
        """A pad presses on the nearest object, if that is near enough."""
        near = [(surface_distance(t.world_points(), contacts.center_m), t) for t in self.tracks]
        near = [item for item in near if item[0] < self.touch.reach_m]
        if near:
            min(near, key=lambda item: item[0])[1].touched(contacts, self.touch)

    def step(
        self,
        observations: list[Observation],
        stamp_s: float,
        dt_s: float,
        sight: Sight,
        glances: tuple[Glance, ...] = (),
        T_world_grasp: np.ndarray | None = None,
    ) -> None:
        """Take in one set of observations, after `predict` and `carry` to the same stamp."""
        first = self.stamp_s is None
        self.stamp_s = stamp_s
        free = [t for t in self.tracks if not t.held]
        matched = assign(free, observations, self.config)
        matched = self._fallen(free, observations, matched, stamp_s)
        matched += self._found_again(free, observations, matched, sight)
        surface = [o.points_m for o in observations] or [np.zeros((0, 3))]
        cloud = PointGrid(np.concatenate(surface), BOX_M)
        height, gravity = self.table_height_m, self.gravity_mps2
        look = Look(stamp_s, dt_s, sight, cloud, glances, height, gravity, T_world_grasp)
        for track, observation in matched:
            track.correct(observation, look)
        seen = {track.id for track, _ in matched}
        for track in free:
            if track.id not in seen:
                self._miss(track, sight, cloud)
        self.tracks = [t for t in self.tracks if not (self._ended(t, stamp_s) or self._left(t))]
        taken = {id(observation) for _, observation in matched}
        for observation in observations:
            if id(observation) not in taken:
                self._enter(observation, stamp_s, confirmed=first)

    def _fallen(
        self,
        free: list[Track],
        observations: list[Observation],
        matched: list[tuple[Track, Observation]],
        stamp_s: float,
    ) -> list[tuple[Track, Observation]]:
        """The pairs, with what fell out of the hand as what has appeared below it since.

        It is seen there before touch has told that it is gone, and then a newborn track has it.
        """
        kept = {id(track) for track, _ in matched}
        fallen = [t for t in free if id(t) not in kept and stamp_s - t.let_go_s < FALL_S]
        known = {id(o) for t, o in matched if stamp_s - t.born_s >= FALL_S}
        again = pairs_within(fallen, [o for o in observations if id(o) not in known], leap_cost)
        taken = {id(observation) for _, observation in again}
        newborn = {id(t) for t, o in matched if id(o) in taken}
        self.tracks = [t for t in self.tracks if id(t) not in newborn]
        return [(t, o) for t, o in matched if id(o) not in taken] + again

    def _found_again(
        self,
        free: list[Track],
        observations: list[Observation],
        matched: list[tuple[Track, Observation]],
        sight: Sight,
    ) -> list[tuple[Track, Observation]]:
        """What is gone from its place and what is new nearby at once: a topple, a throw, a hit."""
        taken = {id(item) for pair in matched for item in pair}
        new = [o for o in observations if id(o) not in taken]
        if not new:
            return []
        lost = [t for t in free if id(t) not in taken and t.hits >= self.config.confirm_frames]
        lost = [t for t in lost if sight.judge(t.world_points()) == GONE]
        return pairs_within(lost, new, leap_cost)

    def confirmed(self) -> list[Track]:
        """The tracks seen often enough to be objects, by id."""
        return [t for t in self.tracks if t.hits >= self.config.confirm_frames]

    def _enter(self, observation: Observation, stamp_s: float, confirmed: bool) -> None:
        track = Track(self._next_id, observation, stamp_s, self.table_height_m, self.config)
        track.hits = self.config.confirm_frames if confirmed else 1
        self._next_id += 1
        self.tracks.append(track)

    def _miss(self, track: Track, sight: Sight, cloud: PointGrid) -> None:
        track.visible = False
        track.absence = sight.judge(track.world_points())
        if track.absence == GONE:
            track.gone_frames += 1
        elif track.share_in(cloud, PART_M) > PART_SHARE:
            track.part_frames += 1
        track.filter.slow(UNSEEN_KEEPS)

    def _left(self, track: Track) -> bool:
        """Whether it is beyond the workspace and nobody carries it."""
        return (
            not track.held
            and not inside_workspace(
                track.filter.position_m[None], self.workspace, margin_m=LEAVING_M
            )[0]
        )

    def _ended(self, track: Track, stamp_s: float) -> bool:
        if track.visible or track.held:
            return False
        unseen_s = stamp_s - track.seen_s
        if (
            track.hits < self.config.confirm_frames
            or track.gone_frames >= self.config.vanish_frames
            or track.part_frames > max(LEAST_PART_FRAMES, PART_FRAMES * track.hits)
        ):
            return True
        config = self.config
        remembered_s = min(config.occluded_timeout_s, REMEMBERED * track.watched_s)
        hidden = track.absence == HIDDEN
        return unseen_s > (
            max(remembered_s, config.unseen_timeout_s) if hidden else config.unseen_timeout_s
        )


def assign(
    tracks: list[Track], observations: list[Observation], config: TrackingConfig
) -> list[tuple[Track, Observation]]:
    """The pairing of least total cost among those within the gate."""
    return pairs_within(tracks, observations, lambda t, o: match_cost(t, o, config))


def pairs_within(
    tracks: list[Track],
    observations: list[Observation],
    cost_of: Callable[[Track, Observation], float],
) -> list[tuple[Track, Observation]]:
    """The pairing of least total cost, without those that cost NO_MATCH."""
    if not tracks or not observations:
        return []
    cost = np.array([[cost_of(t, o) for o in observations] for t in tracks])
    rows, columns = linear_sum_assignment(cost)
    return [
        (tracks[r], observations[c])
        for r, c in zip(rows, columns, strict=True)
        if cost[r, c] < NO_MATCH
    ]


def match_cost(track: Track, observation: Observation, config: TrackingConfig) -> float:
    """How unlike a track an observation is, in gates of distance; NO_MATCH at most."""
    gap = track.gap_m(observation.position_m)
    spread = 2.0 * np.sqrt(np.trace(track.filter.P[:3, :3]) / 3.0)
    growth = abs(np.log((observation.volume_m3 + 1e-6) / (track.volume_m3 + 1e-6)))
    paint = unlike_paint(track, observation)
    # what was hidden may have been moved meanwhile, and comes out piece by piece
    alike = paint < ALIKE_PAINT and (growth < ALIKE_GROWTH or track.absence == HIDDEN)
    gate = config.leap_m if alike else min(config.gate_m + spread, 3.0 * config.gate_m)
    if gap > gate:
        return NO_MATCH
    cost = (gap / config.gate_m) ** 2 + 0.2 * growth + (paint / PAINT) ** 2
    return float(min(cost, NO_MATCH))


def leap_cost(track: Track, observation: Observation) -> float:
    """How unlike what has left its place something new is; NO_MATCH where it is another."""
    gap = track.gap_m(observation.position_m)
    growth = abs(np.log((observation.volume_m3 + 1e-6) / (track.volume_m3 + 1e-6)))
    paint = unlike_paint(track, observation)
    if gap > FURTHEST_M or growth > LEAP_GROWTH or paint > LEAP_PAINT:
        return NO_MATCH
    return gap / FURTHEST_M + growth / LEAP_GROWTH + paint / LEAP_PAINT


def unlike_paint(track: Track, observation: Observation) -> float:
    """The distance of their shading-free colours; 0 where either is not known."""
    gap = float(np.linalg.norm(observation.paint - track.paint))
    return gap if np.isfinite(gap) else 0.0
