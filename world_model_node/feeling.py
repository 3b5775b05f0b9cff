"""What the hand feels between two pictures: what it holds, how heavy that is, whether it slips."""

from __future__ import annotations

from collections import deque

import numpy as np

from sakiyomi.geometry import inverse
from sakiyomi.scene import ContactPoints, Gaussian
from world_model_node.balance import Balance
from world_model_node.bearing import Borne, borne, held_ratio, slid_at
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.contacts import Contacts, gathered, load_contact, nearest_shape
from world_model_node.friction import FrictionBelief
from world_model_node.holding import Holding
from world_model_node.inputs import Inputs
from world_model_node.properties import friction_prior
from world_model_node.slip import SlipFilter, pad_shear
from world_model_node.touch import HandState
from world_model_node.weighing import Scale

LIFTED_M = 0.02  # what the hand has raised so far hangs free of the table
LOAD_WINDOW_S = 0.1  # of wrist readings that are averaged
SHEAR_WINDOW_S = 0.2  # older shear belongs to another instant
HELD = 0.5  # less likely a slip than this is none
STILL_M, STILL_RAD = 0.004, 0.01  # that a still hand moves from look to look
LOOSENING_S = 0.3
EMPTY_S, EMPTY_SHARE = 0.06, 0.3  # a wrist that bears less of the weight so long bears nothing
WEIGHED_SHARE = 0.3  # a mass less sure than this is no weight to compare with


class Feeling:
    """Touch over time."""

    def __init__(self, touch: TouchConfig, prediction: PredictionConfig) -> None:
        self.config = touch
        self._prior = friction_prior(prediction)
        self.holding = Holding(touch)
        self.scale = Scale(prediction.gravity_mps2)
        self.reset()

    def reset(self) -> None:
        """An empty hand that has felt nothing."""
        self.holding.reset()
        self.scale.reset()
        self._slip = SlipFilter()
        self._frictions: dict[int, FrictionBelief] = {}  # of what has been held
        self._heights: deque[tuple[float, float]] = deque(maxlen=3)
        self._grasp_height_m: float | None = None
        self._felt_s = self._felt_before_s = self._slid_s = -np.inf
        self._balances: dict[int, Balance] = {}
        self._T_before: np.ndarray | None = None
        self._still = 0  # looks

    def slip_probability(self, object_id: int) -> float:
        """That this object slides in the hand at this instant; 0 for what is not held."""
        return self._slip.probability if object_id == self.holding.object_id else 0.0

    def friction(self, object_id: int) -> Gaussian:
        """What is believed of this object's friction on the pads."""
        felt = self._frictions.get(object_id)
        return self._prior if felt is None else felt.belief

    def balance(self, object_id: int) -> Balance | None:
        """What is known of where this object's weight acts, or None before it was lifted."""
        return self._balances.get(object_id)

    def update(
        self,
        shapes: dict[int, np.ndarray],
        hand: HandState | None,
        inputs: Inputs,
        stamp_s: float,
    ) -> int | None:
        """The id of the shape, (N, 3) world points each, that is in the hand at this instant."""
        held = self.holding.update(shapes, hand, stamp_s)
        self._watch_hand(hand)
        if hand is not None:
            self._weigh(held, hand, inputs, stamp_s)
        self._frictions = {k: f for k, f in self._frictions.items() if k in shapes}
        self._balances = {k: b for k, b in self._balances.items() if k in shapes}
        self._feel_slip(held, hand, inputs, stamp_s)
        if held is not None and self._bears_nothing(hand, inputs, stamp_s):
            self.holding.reset()
            held = None
        self._felt_before_s, self._felt_s = self._felt_s, stamp_s
        return held

    def feel_balance(self, T_world_object: np.ndarray, hand: HandState, inputs: Inputs) -> None:
        """What the wrist feels of where the weight of what is held acts, where the hand stands still.

        Args:
            T_world_object: of what is held (4, 4), at this instant.
            hand: at this instant.
            inputs: as in `update`, which comes first.
        """
        weight_n = self._weight_n()
        since_s = np.nextafter(self._felt_before_s, np.inf)
        readings = inputs.wrench.between(since_s, self._felt_s)
        if not self._still or weight_n is None or not readings or not self._lifted(hand):
            return
        torque = np.mean([r.torque_nm for r in readings], axis=0) - self.scale.tare_nm
        gravity = hand.T_world_wrench[:3, :3].T @ [0.0, 0.0, -weight_n]
        balance = self._balances.setdefault(self.holding.object_id, Balance())
        balance.feel(torque, gravity, inverse(hand.T_world_wrench) @ T_world_object)

    def contacts(
        self, shapes: dict[int, np.ndarray], hand: HandState, inputs: Inputs
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
        self, shapes: dict[int, np.ndarray], hand: HandState, inputs: Inputs
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

    def _watch_hand(self, hand: HandState | None) -> None:
        """Count the looks through which the hand has stood still."""
        before, self._T_before = self._T_before, None if hand is None else hand.T_world_grasp
        if hand is None or before is None:
            self._still = 0
            return
        moved_m = np.linalg.norm(hand.T_world_grasp[:3, 3] - before[:3, 3])
        turn = before[:3, :3].T @ hand.T_world_grasp[:3, :3]
        turned_rad = np.arccos(np.clip(0.5 * (np.trace(turn) - 1.0), -1.0, 1.0))
        self._still = self._still + 1 if moved_m < STILL_M and turned_rad < STILL_RAD else 0

    def _weight_n(self) -> float | None:
        """Of what is held, where it is known well."""
        mass = self.scale.mass_kg
        if mass is None or mass.variance > (WEIGHED_SHARE * mass.mean) ** 2:
            return None
        return mass.mean * self.scale.gravity_mps2

    def _bears_nothing(self, hand: HandState | None, inputs: Inputs, stamp_s: float) -> bool:
        """Whether what was held in the air has fallen out: neither pads nor wrist feel it."""
        weight_n = self._weight_n()
        if hand is None or weight_n is None or hand.contacts or not self._lifted(hand):
            return False
        readings = inputs.wrench.between(stamp_s - EMPTY_S, stamp_s)
        if not readings:
            return False
        force = hand.T_world_wrench[:3, :3] @ np.mean([r.force_n for r in readings], axis=0)
        return bool(self.scale.tare_n[2] - force[2] < EMPTY_SHARE * weight_n)

    def _lifted(self, hand: HandState) -> bool:
        start_m = self._grasp_height_m
        return start_m is not None and hand.T_world_grasp[2, 3] > start_m + LIFTED_M

    def _feel_slip(
        self, held: int | None, hand: HandState | None, inputs: Inputs, stamp_s: float
    ) -> None:
        if held is None:
            self._slip = SlipFilter()
            return
        since_s = max(np.nextafter(self._felt_s, np.inf), stamp_s - SHEAR_WINDOW_S)
        pads = [pad.between(since_s, stamp_s) for pad in (inputs.left, inputs.right)]
        found = [pad_shear(readings, self.config.contact_force_n) for readings in pads]
        shears = [shear for shear in found if shear is not None]
        friction = self._frictions.setdefault(held, FrictionBelief(self._prior))
        slid = self._slid_out(hand, inputs, stamp_s)
        slip = self._slip.update(shears, friction.belief, slid is not None)
        held_ratio = self._held_ratio(hand, inputs, since_s, stamp_s)
        if slid is not None:
            friction.slid(slid)
        elif held_ratio is not None and len(shears) == 2 and slip < HELD:
            friction.held(held_ratio)

    def _held_ratio(
        self, hand: HandState | None, inputs: Inputs, since_s: float, until_s: float
    ) -> float | None:
        """Of what a still hand bears in the air to what it presses with."""
        pads = self._borne(hand, inputs, since_s, until_s)
        wrench = inputs.wrench.between(since_s, until_s)
        if pads is None or not wrench or not self._still or not self._lifted(hand):
            return None
        force = hand.T_world_wrench[:3, :3] @ np.mean([r.force_n for r in wrench], axis=0)
        closing = hand.T_world_grasp[:3, :3] @ hand.R_hand_pads[0, :, 2]
        return held_ratio(pads, force - self.scale.tare_n, closing)

    def _borne(
        self, hand: HandState | None, inputs: Inputs, since_s: float, until_s: float
    ) -> Borne | None:
        if hand is None or hand.R_hand_pads is None:
            return None
        pads = (pad.between(since_s, until_s) for pad in (inputs.left, inputs.right))
        return borne(*pads, hand.R_hand_pads)

    def _slid_out(self, hand: HandState | None, inputs: Inputs, stamp_s: float) -> float | None:
        """The friction at which the grip, as it loosened, let the object slide; None: it did not."""
        weight_n, since_s = self._weight_n(), max(stamp_s - LOOSENING_S, self._slid_s)
        pads = self._borne(hand, inputs, since_s, stamp_s)
        if pads is None or weight_n is None or not self._still or not self._lifted(hand):
            return None
        up = hand.T_world_wrench[2, :3]
        wrench = inputs.wrench.between(since_s, stamp_s)
        slid = slid_at(pads, wrench, up, float(self.scale.tare_n[2]), weight_n)
        if slid is not None:
            self._slid_s = stamp_s
        return slid

    def _weigh(self, held: int | None, hand: HandState, inputs: Inputs, stamp_s: float) -> None:
        height = float(hand.T_world_grasp[2, 3])
        self._heights.append((stamp_s, height))
        readings = inputs.wrench.between(np.nextafter(self._felt_s, np.inf), stamp_s)
        if held is None:
            self._grasp_height_m = None
            if not hand.contacts:
                self.scale.tare(readings, hand.T_world_wrench[:3, :3])
            return
        self._grasp_height_m = height if self._grasp_height_m is None else self._grasp_height_m
        if self._lifted(hand):
            R = hand.T_world_wrench[:3, :3]
            self.scale.weigh(readings, R, self._lift_mps2(), self._still > 0)

    def _lift_mps2(self) -> float:
        """How fast the hand's rise quickens, from its last three heights."""
        if len(self._heights) < 3:
            return 0.0
        (t0, z0), (t1, z1), (t2, z2) = self._heights
        if t1 <= t0 or t2 <= t1:
            return 0.0
        return 2.0 * ((z2 - z1) / (t2 - t1) - (z1 - z0) / (t1 - t0)) / (t2 - t0)
