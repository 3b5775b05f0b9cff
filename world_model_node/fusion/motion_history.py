"""When each object last moved or was at a hand that did: sweeps from before show it elsewhere."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import rotation_angle
from world_model_node.fusion.tracked_object import TrackedObject
from world_model_node.inputs.hand_state import is_near_hand

BOX_MARGIN_M = 0.04  # of its box: where it may have been before
HAND_MOVED_M, HAND_TURNED_RAD = 0.003, 0.03  # that a hand at rest moves from look to look
MOTION_PERSISTS_S = 0.25  # what has not come to rest since is still in motion


class MotionHistory:
    """Stamps of the newest unrest of the tracks that there are."""

    def __init__(self) -> None:
        self._stamps_s: dict[int, float] = {}
        self._T_before: np.ndarray | None = None

    def update(
        self, tracks: list[TrackedObject], T_world_grasp: np.ndarray | None, stamp_s: float
    ) -> None:
        """Take in where the tracks and the hand (4, 4), if there is one, are now.

        What a moving hand is at may go with it: whether it does shows only in what is new.
        """
        before, self._T_before = self._T_before, T_world_grasp
        moves = (
            before is not None and T_world_grasp is not None and _hand_moved(before, T_world_grasp)
        )
        kept = {t.id: self._stamps_s.get(t.id, -np.inf) for t in tracks}
        for track in tracks:
            goes_on = not track.is_stationary and stamp_s - kept[track.id] < MOTION_PERSISTS_S
            touched = moves and is_near_hand(track.world_points(), T_world_grasp)
            if track.is_moving() or goes_on or touched:
                kept[track.id] = stamp_s
        self._stamps_s = kept

    def is_outdated(
        self, points_m: np.ndarray, stamps_s: np.ndarray, tracks: list[TrackedObject]
    ) -> np.ndarray:
        """Which of (N, 3) points seen at (N,) are about a track that has been in unrest since."""
        old = np.zeros(len(points_m), bool)
        for track in tracks:
            before = stamps_s < self._stamps_s.get(track.id, -np.inf)
            if before.any():
                surface = track.world_points()
                low, high = surface.min(axis=0) - BOX_MARGIN_M, surface.max(axis=0) + BOX_MARGIN_M
                old |= before & ((points_m > low) & (points_m < high)).all(axis=1)
        return old


def _hand_moved(before: np.ndarray, now: np.ndarray) -> bool:
    turned_rad = rotation_angle(before[:3, :3].T @ now[:3, :3])
    return bool(
        np.linalg.norm(now[:3, 3] - before[:3, 3]) > HAND_MOVED_M or turned_rad > HAND_TURNED_RAD
    )
