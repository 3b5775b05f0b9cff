"""Between the position of a finger joint and the opening between the pads."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sakiyomi.errors import BadInputError


@dataclass(frozen=True)
class GripperKinematics:
    """A linear map, which ends where the gripper is open and where it is closed.

    A Robotiq 2F-85 has one joint, from 0 rad (open, 0.085 m) to 0.8 rad (closed).

    Attributes:
        open_position: of the joint where the gripper is open [rad] or [m].
        closed_position: of the joint where the pads meet [rad] or [m].
        open_width_m: the opening between the pads where the gripper is open.
    """

    open_position: float
    closed_position: float
    open_width_m: float

    def __post_init__(self):
        """Check the ends.

        Raises:
            BadInputError: ends that are no numbers or one and the same, or no width.
        """
        ends = self.open_position, self.closed_position
        if not all(math.isfinite(end) for end in ends) or ends[0] == ends[1]:
            raise BadInputError(
                f'gripper map: got open_position {ends[0]} and closed_position {ends[1]}, '
                'expected two numbers that differ'
            )
        if not (math.isfinite(self.open_width_m) and self.open_width_m > 0.0):
            raise BadInputError(
                f'gripper map: got open_width_m {self.open_width_m}, expected more than 0'
            )

    def position(self, width_m: float) -> float:
        """The joint position at an opening; beyond the ends, the nearer end."""
        share = min(max(width_m / self.open_width_m, 0.0), 1.0)
        return self.closed_position + share * (self.open_position - self.closed_position)

    def width_m(self, position: float) -> float:
        """The opening at a joint position; beyond the ends, as measured."""
        travel = self.open_position - self.closed_position
        return (position - self.closed_position) / travel * self.open_width_m
