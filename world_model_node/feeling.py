"""What the hand feels between two pictures: what it holds, how heavy that is, whether it slips."""

from __future__ import annotations

from collections import deque

import numpy as np

from sakiyomi.scene import Gaussian
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.holding import Holding
from world_model_node.inputs import Inputs
from world_model_node.slip import NO_SLIP, Slip, pad_slip
from world_model_node.touch import HandState
from world_model_node.weighing import Scale

LIFTED_M = 0.02  # what the hand has raised so far hangs free of the table


class Feeling:
    """Touch over time."""

    def __init__(self, touch: TouchConfig, prediction: PredictionConfig) -> None:
        self.config = touch
        self.friction = Gaussian(prediction.friction, prediction.friction_sigma**2)
        self.holding = Holding(touch)
        self.scale = Scale(prediction.gravity_mps2)
        self.reset()

    def reset(self) -> None:
        """An empty hand that has felt nothing."""
        self.holding.reset()
        self.scale.reset()
        self.slips: tuple[Slip, Slip] = (NO_SLIP, NO_SLIP)  # left, right
        self._heights: deque[tuple[float, float]] = deque(maxlen=3)
        self._grasp_height_m: float | None = None
        self._felt_s = -np.inf

    @property
    def slip_probability(self) -> float:
        """That the held object slips, or is about to."""
        return max(slip.probability for slip in self.slips)

    def update(
        self,
        shapes: dict[int, np.ndarray],
        hand: HandState | None,
        inputs: Inputs,
        stamp_s: float,
    ) -> int | None:
        """The id of the shape, (N, 3) world points each, that is in the hand at this instant."""
        held = self.holding.update(shapes, hand, stamp_s)
        if hand is not None:
            self._weigh(held, hand, inputs, stamp_s)
        self.slips = tuple(
            pad_slip(
                pad.between(self._felt_s, stamp_s), self.friction, self.config.contact_force_n
            )
            for pad in (inputs.left, inputs.right)
        )
        self._felt_s = stamp_s
        return held

    def _weigh(self, held: int | None, hand: HandState, inputs: Inputs, stamp_s: float) -> None:
        height = float(hand.T_world_grasp[2, 3])
        self._heights.append((stamp_s, height))
        readings = inputs.wrench.between(np.nextafter(self._felt_s, np.inf), stamp_s)
        if held is None:
            self._grasp_height_m = None
            if not hand.contacts:
                self.scale.tare(readings, hand.R_world_wrench)
            return
        self._grasp_height_m = height if self._grasp_height_m is None else self._grasp_height_m
        if height > self._grasp_height_m + LIFTED_M:
            self.scale.weigh(readings, hand.R_world_wrench, self._lift_mps2())

    def _lift_mps2(self) -> float:
        """How fast the hand's rise quickens, from its last three heights."""
        if len(self._heights) < 3:
            return 0.0
        (t0, z0), (t1, z1), (t2, z2) = self._heights
        if t1 <= t0 or t2 <= t1:
            return 0.0
        return 2.0 * ((z2 - z1) / (t2 - t1) - (z1 - z0) / (t1 - t0)) / (t2 - t0)
