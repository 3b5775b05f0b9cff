"""What the hand feels between two pictures: what it holds, how heavy that is, whether it slips."""

from __future__ import annotations

from collections import deque

import numpy as np

from sakiyomi.scene import ContactPoints, Gaussian
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
SLID, HELD = 0.8, 0.5  # twice likelier than the one is a slip, less likely than the other none


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
        self._felt_s = -np.inf

    def slip_probability(self, object_id: int) -> float:
        """That this object slides in the hand at this instant; 0 for what is not held."""
        return self._slip.probability if object_id == self.holding.object_id else 0.0

    def friction(self, object_id: int) -> Gaussian:
        """What is believed of this object's friction on the pads."""
        felt = self._frictions.get(object_id)
        return self._prior if felt is None else felt.belief

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
        self._frictions = {k: f for k, f in self._frictions.items() if k in shapes}
        self._feel_slip(held, inputs, stamp_s)
        self._felt_s = stamp_s
        return held

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

    def _feel_slip(self, held: int | None, inputs: Inputs, stamp_s: float) -> None:
        if held is None:
            self._slip = SlipFilter()
            return
        since_s = max(np.nextafter(self._felt_s, np.inf), stamp_s - SHEAR_WINDOW_S)
        pads = [pad.between(since_s, stamp_s) for pad in (inputs.left, inputs.right)]
        found = [pad_shear(readings, self.config.contact_force_n) for readings in pads]
        shears = [shear for shear in found if shear is not None]
        friction = self._frictions.setdefault(held, FrictionBelief(self._prior))
        before = self._slip.probability
        slip = self._slip.update(shears, friction.belief)
        if shears and min(before, slip) > SLID:
            friction.slid(float(np.mean([shear.ratio for shear in shears])))
        elif shears and slip < HELD:
            friction.held(max(shear.borne for shear in shears))

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
        if height > self._grasp_height_m + LIFTED_M:
            self.scale.weigh(readings, hand.T_world_wrench[:3, :3], self._lift_mps2())

    def _lift_mps2(self) -> float:
        """How fast the hand's rise quickens, from its last three heights."""
        if len(self._heights) < 3:
            return 0.0
        (t0, z0), (t1, z1), (t2, z2) = self._heights
        if t1 <= t0 or t2 <= t1:
            return 0.0
        return 2.0 * ((z2 - z1) / (t2 - t1) - (z1 - z0) / (t1 - t0)) / (t2 - t0)
