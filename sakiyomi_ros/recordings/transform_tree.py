"""Where recorded frames were: the tree of `/tf` and `/tf_static`, looked up by stamp."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from sakiyomi.errors import BadInputError
from sakiyomi.geometry import make_transform
from sakiyomi_ros.messages.conversions import from_stamp, from_transform

MAX_GAP_S = 0.5  # nothing is known of a frame so long before its first or after its last transform


class TransformTree:
    """Each frame hangs on a parent, fixed or moving."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._fixed: dict[str, np.ndarray] = {}
        self._moving: dict[str, dict[float, np.ndarray]] = {}  # by stamp
        self._stamps: dict[str, list[float]] = {}  # sorted; made when first asked for

    def add(self, transforms: Iterable[Any], static: bool) -> None:
        """Take in the TransformStamped of one message; malformed ones are left out."""
        for stamped in transforms:
            child, parent = _plain(stamped.child_frame_id), _plain(stamped.header.frame_id)
            try:
                T = from_transform(stamped.transform, child)
            except BadInputError:
                continue
            self._parents[child] = parent
            if static:
                self._fixed[child] = T
            else:
                self._moving.setdefault(child, {})[from_stamp(stamped.header.stamp)] = T
                self._stamps.pop(child, None)

    def pose(self, frame: str, stamp_s: float) -> tuple[str, np.ndarray] | None:
        """The root above a frame and `T_root_frame` (4, 4), or None where that is not known."""
        frame, T, seen = _plain(frame), np.eye(4), set()
        if frame not in self._parents:
            return None
        while frame in self._parents:
            step = self._step(frame, stamp_s)
            if step is None or frame in seen:  # a ring has no root
                return None
            seen.add(frame)
            T, frame = step @ T, self._parents[frame]
        return frame, T

    def _step(self, child: str, stamp_s: float) -> np.ndarray | None:
        """`T_parent_child` at a stamp, between the two transforms around it."""
        if child in self._fixed:
            return self._fixed[child]
        poses = self._moving[child]
        stamps = self._stamps.setdefault(child, sorted(poses))
        index = bisect_left(stamps, stamp_s)
        around = stamps[max(index - 1, 0) : index + 1]
        if min(abs(stamp_s - near) for near in around) > MAX_GAP_S:
            return None
        if len(around) == 1:
            return poses[around[0]]
        share = (stamp_s - around[0]) / (around[1] - around[0])
        return _between(poses[around[0]], poses[around[1]], share)


def _between(before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    ends = Rotation.from_matrix(np.stack([before[:3, :3], after[:3, :3]]))
    R = Slerp([0.0, 1.0], ends)(np.clip(share, 0.0, 1.0)).as_matrix()
    return make_transform(R, (1.0 - share) * before[:3, 3] + share * after[:3, 3])


def _plain(frame: str) -> str:
    return frame.lstrip('/')  # as ROS 1 wrote them
