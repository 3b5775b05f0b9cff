"""Whether what is held slides, and what that and its not sliding tell of its friction."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.feeling.bearing import Borne, borne, held_ratio, slid_at
from world_model_node.feeling.friction import FrictionBelief
from world_model_node.feeling.properties import friction_prior
from world_model_node.feeling.slip import SlipFilter, pad_shear
from world_model_node.feeling.weighing import Scale
from world_model_node.inputs.sensor_inputs import SensorInputs
from world_model_node.touch.hand_state import HandState

SHEAR_WINDOW_S = 0.2  # older shear belongs to another instant
LOOSENING_S = 0.6  # in which a grip may loosen until something slides
SLID, HELD = 0.8, 0.5  # twice likelier than the one is a slip, less likely than the other none


class Slipping:
    """Slip now, and the friction of everything that has been held."""

    def __init__(self, touch: TouchConfig, prediction: PredictionConfig) -> None:
        self.config = touch
        self._prior = friction_prior(prediction)
        self._filter = SlipFilter()
        self._frictions: dict[int, FrictionBelief] = {}
        self._felt_s = self._slid_s = -np.inf

    @property
    def probability(self) -> float:
        """That what is held slides at this instant; 0 where nothing is."""
        return self._filter.probability

    def friction(self, object_id: int) -> Gaussian:
        """What is believed of this object's friction on the pads."""
        felt = self._frictions.get(object_id)
        return self._prior if felt is None else felt.belief

    def measured(self, object_id: int) -> Gaussian | None:
        """What this object's sliding has told of its friction; None where it never slid."""
        felt = self._frictions.get(object_id)
        return None if felt is None else felt.measured

    def keep(self, ids: dict) -> None:
        """Forget all but these objects."""
        self._frictions = {k: f for k, f in self._frictions.items() if k in ids}

    def update(
        self,
        held: int | None,
        hand: HandState | None,
        hangs: bool,
        scale: Scale,
        inputs: SensorInputs,
        stamp_s: float,
    ) -> None:
        """Take in what the pads feel at this instant.

        Args:
            held: the id of what is held.
            hand: at this instant.
            hangs: whether it stands still in the air.
            scale: which has weighed it.
            inputs: of the pads and the wrist.
            stamp_s: now.
        """
        since_s = max(np.nextafter(self._felt_s, np.inf), stamp_s - SHEAR_WINDOW_S)
        self._felt_s = stamp_s
        if held is None:
            self._filter = SlipFilter()
            return
        pads = [pad.between(since_s, stamp_s) for pad in (inputs.left, inputs.right)]
        found = [pad_shear(readings, self.config.contact_force_n) for readings in pads]
        shears = [shear for shear in found if shear is not None]
        friction = self._frictions.setdefault(held, FrictionBelief(self._prior))
        hanging = hand if hangs else None
        slid = self._slid(hanging, scale, inputs, stamp_s)
        before = self.probability
        loosened = slid is not None
        slip = self._filter.update(shears, friction.belief, loosened)
        if not loosened and hanging is None and min(before, slip) > SLID:
            both = _borne(hand, inputs, since_s, stamp_s)
            slid = None if both is None else both.ratio
        if slid is not None:
            friction.slid(slid, loosened)
        elif len(shears) == 2 and slip < HELD:
            ratio = _held(hanging, scale, inputs, since_s, stamp_s)
            if ratio is not None:
                friction.held(ratio)

    def _slid(
        self, hanging: HandState | None, scale: Scale, inputs: SensorInputs, stamp_s: float
    ) -> float | None:
        """The friction at which the grip, as it loosened, let the object go, or None."""
        since_s = max(stamp_s - LOOSENING_S, self._slid_s)
        pads = _borne(hanging, inputs, since_s, stamp_s)
        if pads is None or scale.weight_n is None:
            return None
        wrench = inputs.wrench.between(since_s, stamp_s)
        up, tare_n = hanging.T_world_wrench[2, :3], float(scale.tare_n[2])
        slid = slid_at(pads, wrench, up, tare_n, scale.weight_n)
        if slid is not None:
            self._slid_s = stamp_s
        return slid


def _held(
    hanging: HandState | None, scale: Scale, inputs: SensorInputs, since_s: float, until_s: float
) -> float | None:
    """The least friction with which the hand bears what it does, or None where it cannot tell."""
    pads = _borne(hanging, inputs, since_s, until_s)
    wrench = inputs.wrench.between(since_s, until_s)
    if pads is None or not wrench:
        return None
    force = hanging.T_world_wrench[:3, :3] @ np.mean([r.force_n for r in wrench], axis=0)
    closing = hanging.T_world_grasp[:3, :3] @ hanging.R_hand_pads[0, :, 2]
    return held_ratio(pads, force - scale.tare_n, closing)


def _borne(
    hand: HandState | None, inputs: SensorInputs, since_s: float, until_s: float
) -> Borne | None:
    if hand is None or hand.R_hand_pads is None:
        return None
    pads = (pad.between(since_s, until_s) for pad in (inputs.left, inputs.right))
    return borne(*pads, hand.R_hand_pads)
