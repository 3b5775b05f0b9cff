"""The stamps at which each object last moved; older LiDAR scans show it elsewhere."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import rotation_angle
from world_model_node.config import FusionConfig, TrackingConfig
from world_model_node.fusion.tracked_object import TrackedObject
from world_model_node.inputs.hand_state import is_near_hand


class MotionHistory:
    """The stamp of the newest motion of each track."""

    def __init__(self, config: FusionConfig, tracking: TrackingConfig) -> None:
        self.config, self.tracking = config, tracking
        self._stamps_s: dict[int, float] = {}
        self._T_before: np.ndarray | None = None

    def update(
        self, tracks: list[TrackedObject], T_world_grasp: np.ndarray | None, stamp_s: float
    ) -> None:
        """Update the stamps with the tracks and the pose (4, 4) of the hand, if known.

        An object near a moving hand counts as moving, because the hand may carry it along.
        """
        hand_moved = self._hand_moved(T_world_grasp)
        kept = {t.id: self._stamps_s.get(t.id, -np.inf) for t in tracks}
        for track in tracks:
            persists = (
                not track.is_stationary
                and stamp_s - kept[track.id] < self.config.motion_persists_s
            )
            touched = hand_moved and is_near_hand(
                track.world_points(),
                T_world_grasp,
                self.tracking.hand_margin_m,
                self.tracking.finger_length_m,
            )
            if track.is_moving() or persists or touched:
                kept[track.id] = stamp_s
        self._stamps_s = kept

    def is_outdated(
        self, points_m: np.ndarray, stamps_s: np.ndarray, tracks: list[TrackedObject]
    ) -> np.ndarray:
        """Return the mask of points (N, 3), stamped (N,), near a track that moved since. (N,)."""
        margin_m = self.config.outdated_margin_m
        old = np.zeros(len(points_m), bool)
        for track in tracks:
            before = stamps_s < self._stamps_s.get(track.id, -np.inf)
            if before.any():
                surface = track.world_points()
                low, high = surface.min(axis=0) - margin_m, surface.max(axis=0) + margin_m
                old |= before & ((points_m > low) & (points_m < high)).all(axis=1)
        return old

    def _hand_moved(self, T_world_grasp: np.ndarray | None) -> bool:
        """Return whether the hand has moved since the previous call."""
        before, self._T_before = self._T_before, T_world_grasp
        if before is None or T_world_grasp is None:
            return False
        turned_rad = rotation_angle(before[:3, :3].T @ T_world_grasp[:3, :3])
        moved_m = np.linalg.norm(T_world_grasp[:3, 3] - before[:3, 3])
        return bool(moved_m > self.config.hand_moved_m or turned_rad > self.config.hand_turned_rad)
