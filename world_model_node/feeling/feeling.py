"""What the hand feels between two pictures: what it holds, how heavy that is, whether it slips."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse
from sakiyomi.scene import ContactPoints
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.feeling.balance import Balance
from world_model_node.feeling.slipping import Slipping
from world_model_node.feeling.weighing import Scale
from world_model_node.inputs.sensor_inputs import SensorInputs
from world_model_node.touch.contacts import Contacts, gathered, load_contact, nearest_shape
from world_model_node.touch.hand_path import HandPath
from world_model_node.touch.hand_state import HandState
from world_model_node.touch.holding import Holding

LOAD_WINDOW_S = 0.1  # of wrist readings that are averaged
EMPTY_S, EMPTY_SHARE = 0.06, 0.3  # a wrist that bears less of the weight so long bears nothing


class Feeling:
    """Touch over time."""

    def __init__(self, touch: TouchConfig, prediction: PredictionConfig) -> None:
        self.config = touch
        self._prediction = prediction
        self.holding = Holding(touch)
        self.scale = Scale(prediction.gravity_mps2)
        self.reset()

    def reset(self) -> None:
        """An empty hand that has felt nothing."""
        self.holding.reset()
        self.scale.reset()
        self.slipping = Slipping(self.config, self._prediction)
        self._path = HandPath()
        self._balances: dict[int, Balance] = {}  # of what has been lifted
        self._felt_s = self._felt_before_s = -np.inf

    def slip_probability(self, object_id: int) -> float:
        """That this object slides in the hand at this instant; 0 for what is not held."""
        return self.slipping.probability if object_id == self.holding.object_id else 0.0

    def balance(self, object_id: int) -> Balance | None:
        """What is known of where this object's weight acts, or None before it was lifted."""
        return self._balances.get(object_id)

    def update(
        self,
        shapes: dict[int, np.ndarray],
        hand: HandState | None,
        inputs: SensorInputs,
        stamp_s: float,
    ) -> int | None:
        """The id of the shape, (N, 3) world points each, that is in the hand at this instant."""
        held = self.holding.update(shapes, hand, stamp_s)
        self._path.update(hand, held is not None, stamp_s)
        if hand is not None:
            self._weigh(held, hand, inputs, stamp_s)
        self.slipping.keep(shapes)
        self._balances = {k: b for k, b in self._balances.items() if k in shapes}
        self.slipping.update(held, hand, self._hangs, self.scale, inputs, stamp_s)
        if held is not None and self._bears_nothing(hand, inputs, stamp_s):
            self.holding.reset()
            held = None
        self._felt_before_s, self._felt_s = self._felt_s, stamp_s
        return held

    def feel_balance(
        self, T_world_object: np.ndarray, hand: HandState, inputs: SensorInputs
    ) -> None:
        """Where the weight of what is held acts, as the wrist feels it in a still hand.

        Args:
            T_world_object: of what is held (4, 4), at this instant.
            hand: at this instant.
            inputs: as in `update`, which comes first.
        """
        readings = inputs.wrench.between(np.nextafter(self._felt_before_s, np.inf), self._felt_s)
        weight_n = self.scale.weight_n
        if weight_n is None or not readings or not self._hangs:
            return
        torque = np.mean([r.torque_nm for r in readings], axis=0) - self.scale.tare_nm
        gravity = hand.T_world_wrench[:3, :3].T @ [0.0, 0.0, -weight_n]
        balance = self._balances.setdefault(self.holding.object_id, Balance())
        balance.feel(torque, gravity, inverse(hand.T_world_wrench) @ T_world_object)

    @property
    def _hangs(self) -> bool:
        """Whether what is held is in the air, in a hand that stands still."""
        return self._path.still and self._path.lifted

    def contacts(
        self, shapes: dict[int, np.ndarray], hand: HandState, inputs: SensorInputs
    ) -> ContactPoints:
        """Everything that touches the robot now: at the pads, and what the wrist feels beyond."""
        found = []
        for contacts in hand.contacts:
            object_id = self.holding.object_id
            if object_id is None:
                object_id = nearest_shape(shapes, contacts.center_m, self.config.reach_m)
            found.append((contacts, object_id))
        beyond = self._beyond(shapes, hand, inputs)
        if beyond is not None:
            found.append((beyond, self.holding.object_id))
        return gathered(found)

    def _beyond(
        self, shapes: dict[int, np.ndarray], hand: HandState, inputs: SensorInputs
    ) -> Contacts | None:
        """Where what is held meets something else: the load that its weight does not explain."""
        held, mass = self.holding.object_id, self.scale.mass_kg
        newest = inputs.wrench.newest(hand.stamp_s)
        if held not in shapes or mass is None or newest is None:
            return None
        R, origin_m = hand.T_world_wrench[:3, :3], hand.T_world_wrench[:3, 3]
        readings = inputs.wrench.between(newest.stamp_s - LOAD_WINDOW_S, newest.stamp_s)
        force = R @ np.mean([r.force_n for r in readings], axis=0) - self.scale.tare_n
        torque = R @ np.mean([r.torque_nm for r in readings], axis=0)
        weight = np.array([0.0, 0.0, -mass.mean * self.scale.gravity_mps2])
        arm = shapes[held].mean(axis=0) - origin_m
        load = np.concatenate([force - weight, torque - np.cross(arm, weight)])
        if np.linalg.norm(load[:3]) <= self.config.load_force_n:
            return None
        return load_contact(load, origin_m, shapes[held])

    def _bears_nothing(self, hand: HandState | None, inputs: SensorInputs, stamp_s: float) -> bool:
        """Whether what was held in the air has fallen out: neither pads nor wrist feel it."""
        weight_n = self.scale.weight_n
        if hand is None or weight_n is None or hand.contacts or not self._path.lifted:
            return False
        readings = inputs.wrench.between(stamp_s - EMPTY_S, stamp_s)
        if not readings:
            return False
        force = hand.T_world_wrench[:3, :3] @ np.mean([r.force_n for r in readings], axis=0)
        return bool(self.scale.tare_n[2] - force[2] < EMPTY_SHARE * weight_n)

    def _weigh(
        self, held: int | None, hand: HandState, inputs: SensorInputs, stamp_s: float
    ) -> None:
        readings = inputs.wrench.between(np.nextafter(self._felt_s, np.inf), stamp_s)
        R = hand.T_world_wrench[:3, :3]
        if held is None:
            if not hand.contacts:
                self.scale.tare(readings, R)
        elif self._path.lifted:
            self.scale.weigh(readings, R, self._path.lift_mps2, self._path.still)
