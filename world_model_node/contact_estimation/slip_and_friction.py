"""Whether what is held slides, and what that and its not sliding tell of its friction."""

from __future__ import annotations

import numpy as np

from sakiyomi.scene import Gaussian
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.contact_estimation.friction_estimator import FrictionEstimator
from world_model_node.contact_estimation.pad_loads import (
    PadLoads,
    friction_at_slip,
    measure_pad_loads,
    required_friction,
)
from world_model_node.contact_estimation.payload import PayloadEstimator
from world_model_node.contact_estimation.property_prior import friction_prior
from world_model_node.contact_estimation.slip_filter import SlipFilter, measure_pad_shear
from world_model_node.inputs.hand_state import HandState
from world_model_node.inputs.sensor_inputs import SensorInputs

SHEAR_WINDOW_S = 0.2  # older shear belongs to another instant
LOOSENING_WINDOW_S = 0.6  # in which a grip may loosen until something slides
# twice likelier than the one is a slip, less likely than the other none
MIN_SLIP_PROBABILITY, MAX_STICK_SLIP_PROBABILITY = 0.8, 0.5


class SlipAndFrictionEstimator:
    """Slip now, and the friction of everything that has been held."""

    def __init__(self, touch: TouchConfig, prediction: PredictionConfig) -> None:
        self.config = touch
        self._prior = friction_prior(prediction)
        self._slip_filter = SlipFilter()
        self._friction_estimators: dict[int, FrictionEstimator] = {}
        self._last_update_s = self._last_slip_s = -np.inf

    @property
    def probability(self) -> float:
        """That what is held slides at this instant; 0 where nothing is."""
        return self._slip_filter.probability

    def friction(self, object_id: int) -> Gaussian:
        """What is believed of this object's friction on the pads."""
        estimator = self._friction_estimators.get(object_id)
        return self._prior if estimator is None else estimator.posterior

    def measured_friction(self, object_id: int) -> Gaussian | None:
        """What this object's sliding has told of its friction; None where it never slid."""
        estimator = self._friction_estimators.get(object_id)
        return None if estimator is None else estimator.measured_friction

    def keep(self, ids: dict) -> None:
        """Forget all but these objects."""
        self._friction_estimators = {
            k: f for k, f in self._friction_estimators.items() if k in ids
        }

    def update(
        self,
        held: int | None,
        hand: HandState | None,
        is_suspended: bool,
        payload: PayloadEstimator,
        inputs: SensorInputs,
        stamp_s: float,
    ) -> None:
        """Take in what the pads feel at this instant.

        Args:
            held: the id of what is held.
            hand: at this instant.
            is_suspended: whether it stands still in the air.
            payload: which has weighed it.
            inputs: of the pads and the wrist.
            stamp_s: now.
        """
        since_s = max(np.nextafter(self._last_update_s, np.inf), stamp_s - SHEAR_WINDOW_S)
        self._last_update_s = stamp_s
        if held is None:
            self._slip_filter = SlipFilter()
            return
        pads = [pad.between(since_s, stamp_s) for pad in (inputs.left, inputs.right)]
        found = [measure_pad_shear(readings, self.config.contact_force_n) for readings in pads]
        shears = [shear for shear in found if shear is not None]
        friction = self._friction_estimators.setdefault(held, FrictionEstimator(self._prior))
        suspended_hand = hand if is_suspended else None
        slip_friction = self._slip_friction(suspended_hand, payload, inputs, stamp_s)
        previous_slip = self.probability
        loosened = slip_friction is not None
        slip = self._slip_filter.update(shears, friction.posterior, loosened)
        if (
            not loosened
            and suspended_hand is None
            and min(previous_slip, slip) > MIN_SLIP_PROBABILITY
        ):
            pad_loads = _measure_pad_loads(hand, inputs, since_s, stamp_s)
            slip_friction = None if pad_loads is None else pad_loads.tangential_ratio
        if slip_friction is not None:
            friction.observe_slip(slip_friction, loosened)
        elif len(shears) == 2 and slip < MAX_STICK_SLIP_PROBABILITY:
            ratio = _required_friction(suspended_hand, payload, inputs, since_s, stamp_s)
            if ratio is not None:
                friction.observe_stick(ratio)

    def _slip_friction(
        self,
        suspended_hand: HandState | None,
        payload: PayloadEstimator,
        inputs: SensorInputs,
        stamp_s: float,
    ) -> float | None:
        """The friction at which the grip, as it loosened, let the object go, or None."""
        since_s = max(stamp_s - LOOSENING_WINDOW_S, self._last_slip_s)
        pads = _measure_pad_loads(suspended_hand, inputs, since_s, stamp_s)
        if pads is None or payload.weight_n is None:
            return None
        wrench = inputs.wrench.between(since_s, stamp_s)
        up, tare_force_n = suspended_hand.T_world_wrench[2, :3], float(payload.tare_force_n[2])
        slip_friction = friction_at_slip(pads, wrench, up, tare_force_n, payload.weight_n)
        if slip_friction is not None:
            self._last_slip_s = stamp_s
        return slip_friction


def _required_friction(
    suspended_hand: HandState | None,
    payload: PayloadEstimator,
    inputs: SensorInputs,
    since_s: float,
    until_s: float,
) -> float | None:
    """The least friction with which the hand bears what it does, or None where it cannot tell."""
    pads = _measure_pad_loads(suspended_hand, inputs, since_s, until_s)
    wrench = inputs.wrench.between(since_s, until_s)
    if pads is None or not wrench:
        return None
    force = suspended_hand.T_world_wrench[:3, :3] @ np.mean([r.force_n for r in wrench], axis=0)
    closing = suspended_hand.T_world_grasp[:3, :3] @ suspended_hand.R_hand_pads[0, :, 2]
    return required_friction(pads, force - payload.tare_force_n, closing)


def _measure_pad_loads(
    hand: HandState | None, inputs: SensorInputs, since_s: float, until_s: float
) -> PadLoads | None:
    if hand is None or hand.R_hand_pads is None:
        return None
    pads = (pad.between(since_s, until_s) for pad in (inputs.left, inputs.right))
    return measure_pad_loads(*pads, hand.R_hand_pads)
