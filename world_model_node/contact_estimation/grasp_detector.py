"""Which object is in the hand: by touch, and by fingers that stay apart while touch drops out."""

from __future__ import annotations

import numpy as np

from world_model_node.config import TouchConfig
from world_model_node.inputs.hand_state import HandState, grasped_object


class GraspDetector:
    """Remembers what the hand holds."""

    def __init__(self, config: TouchConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """The hand is empty."""
        self.object_id: int | None = None
        self._grasp_width_m = 0.0
        self._contact_lost_s: float | None = None

    def update(
        self, shapes: dict[int, np.ndarray], hand: HandState | None, stamp_s: float
    ) -> int | None:
        """The id of the shape, (N, 3) world points each, that the hand holds, or None."""
        if self.object_id not in shapes:
            self.object_id = None
        if hand is None:
            return self.object_id
        if hand.both_pads_in_contact(self.config):
            self._contact_lost_s = None
            if self.object_id is None:
                self.object_id = grasped_object(shapes, hand, self.config)
                self._grasp_width_m = hand.finger_width_m
            self._grasp_width_m = min(self._grasp_width_m, hand.finger_width_m)
        elif self.object_id is not None and self._is_released(hand, stamp_s):
            self.object_id = None
        return self.object_id

    def _is_released(self, hand: HandState, stamp_s: float) -> bool:
        """Whether touch has been gone for long and the fingers are not where they held it.

        Taxels that lose a contact at the pad's edge feel nothing of an object that is still there:
        fingers that press on and do not meet have something between them.
        """
        self._contact_lost_s = stamp_s if self._contact_lost_s is None else self._contact_lost_s
        grasp_lost_s = stamp_s - self._contact_lost_s
        moved = abs(hand.finger_width_m - self._grasp_width_m) > self.config.slack_m
        return grasp_lost_s >= (self.config.release_s if moved else self.config.unfelt_s)
