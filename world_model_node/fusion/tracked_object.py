"""The part of a track that fusion reads."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class TrackedObject(Protocol):
    """An object of the previous update, predicted to the stamp of the present one."""

    id: int

    @property
    def held(self) -> bool:
        """Whether the hand carries the object."""

    @property
    def is_stationary(self) -> bool:
        """Whether the object was last seen at rest."""

    @property
    def velocity_mps(self) -> np.ndarray:
        """The linear velocity (3,) in the world frame."""

    def is_moving(self) -> bool:
        """Whether the speed exceeds its noise."""

    def world_points(self) -> np.ndarray:
        """The surface (N, 3) float32 in the world frame."""
