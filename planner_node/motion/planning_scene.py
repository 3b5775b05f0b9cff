"""The scene that a motion is planned in: obstacles, the held object, the opening of the hand.

A scene never changes: each stage of a pick has a scene of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

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


@dataclass(frozen=True, eq=False)
class PlanningScene:
    """Obstacles beside the fixed work-cell of the URDF, and the state of the hand.

    Attributes:
        cloud_m: occupied points, world frame [m]. Shape (N, 3).
        table_height_m: top of the table [m]; None for no table.
        boxes: further solid boxes.
        held_m: points of the held object, grasp frame [m], of which the hand carries the convex
            hull. Shape (M, 3). None where the hand is empty.
        finger_width_m: opening between the pads [m]; None for the widest.
    """

    cloud_m: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    table_height_m: float | None = 0.0
    boxes: tuple[BoxObstacle, ...] = ()
    held_m: np.ndarray | None = None
    finger_width_m: float | None = None

    def holding(self, points_m: np.ndarray | None, finger_width_m: float) -> PlanningScene:
        """The same obstacles with an object in the hand, or none."""
        return replace(self, held_m=points_m, finger_width_m=finger_width_m)

    def same_geometry(self, other: PlanningScene) -> bool:
        """Whether both hold the very same obstacles and object, at whatever opening."""
        return (
            self.cloud_m is other.cloud_m
            and self.table_height_m == other.table_height_m
            and self.boxes is other.boxes
            and self.held_m is other.held_m
        )
