"""Obstacles other than the observed cloud."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sakiyomi.errors import BadInputError


@dataclass(frozen=True, eq=False)
class BoxObstacle:
    """A solid box at a known place, such as a wall of the bin."""

    name: str
    T_world_box: np.ndarray  # (4, 4) of its centre
    size_m: tuple[float, float, float]  # full edge lengths

    def __post_init__(self) -> None:
        """Check the shapes.

        Raises:
            BadInputError: a pose that is not 4x4 or an edge that is not positive.
        """
        if np.shape(self.T_world_box) != (4, 4):
            shape = np.shape(self.T_world_box)
            raise BadInputError(f'box {self.name}: got a pose of shape {shape}, expected (4, 4)')
        if len(self.size_m) != 3 or not all(edge > 0 for edge in self.size_m):
            raise BadInputError(f'box {self.name}: got size {self.size_m}, expected 3 lengths > 0')
