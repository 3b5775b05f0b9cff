"""What the hand feels between two pictures: what it holds, how heavy that is, whether it slips."""

from __future__ import annotations

import numpy as np

from sakiyomi.geometry import inverse
from sakiyomi.scene import ContactPoints
from world_model_node.config import PredictionConfig, TouchConfig
from world_model_node.contact_estimation.center_of_mass import CenterOfMassEstimator
from world_model_node.contact_estimation.grasp_detector import GraspDetector
from world_model_node.contact_estimation.hand_history import HandHistory
from world_model_node.contact_estimation.payload import PayloadEstimator
from world_model_node.contact_estimation.slip_and_friction import SlipAndFrictionEstimator
from world_model_node.inputs.contacts import (
    ContactPatch,
    contact_from_wrench,
    merge_contacts,
    nearest_object,
)
from world_model_node.inputs.hand_state import HandState
from world_model_node.inputs.sensor_inputs import SensorInputs

WRENCH_WINDOW_S = 0.1  # of wrist readings that are averaged
# a wrist that bears less of the weight so long bears nothing
DROPPED_WINDOW_S, MAX_DROPPED_RATIO = 0.06, 0.3


class ContactEstimator:
    """Touch over time."""

    def __init__(self, touch: TouchConfig, prediction: PredictionConfig) -> None:
        self.config = touch
        self._prediction_config = prediction
        self.grasp_detector = GraspDetector(touch)
        self.payload = PayloadEstimator(prediction.gravity_mps2)
        self.reset()

    def reset(self) -> None:
        """An empty hand that has felt nothing."""
        self.grasp_detector.reset()
        self.payload.reset()
        self.slip_estimator = SlipAndFrictionEstimator(self.config, self._prediction_config)
        self._history = HandHistory()
        self._centers_of_mass: dict[int, CenterOfMassEstimator] = {}  # of what has been lifted
        self._last_s = self._previous_s = -np.inf

    def slip_probability(self, object_id: int) -> float:
        """That this object slides in the hand at this instant; 0 for what is not held."""
        return (
            self.slip_estimator.probability if object_id == self.grasp_detector.object_id else 0.0
        )

    def center_of_mass(self, object_id: int) -> CenterOfMassEstimator | None:
        """What is known of where this object's weight acts, or None before it was lifted."""
        return self._centers_of_mass.get(object_id)

    def update(
        self,
        shapes: dict[int, np.ndarray],
        hand: HandState | None,
        inputs: SensorInputs,
        stamp_s: float,
    ) -> int | None:
        """The id of the shape, (N, 3) world points each, that is in the hand at this instant."""
        held = self.grasp_detector.update(shapes, hand, stamp_s)
        self._history.update(hand, held is not None, stamp_s)
        if hand is not None:
            self._update_payload(held, hand, inputs, stamp_s)
        self.slip_estimator.keep(shapes)
        self._centers_of_mass = {k: b for k, b in self._centers_of_mass.items() if k in shapes}
        self.slip_estimator.update(held, hand, self._is_suspended, self.payload, inputs, stamp_s)
        if held is not None and self._is_dropped(hand, inputs, stamp_s):
            self.grasp_detector.reset()
            held = None
        self._previous_s, self._last_s = self._last_s, stamp_s
        return held

    def update_center_of_mass(
        self, T_world_object: np.ndarray, hand: HandState, inputs: SensorInputs
    ) -> None:
        """Where the weight of what is held acts, as the wrist feels it in a still hand.

        Args:
            T_world_object: of what is held (4, 4), at this instant.
            hand: at this instant.
            inputs: as in `update`, which comes first.
        """
        readings = inputs.wrench.between(np.nextafter(self._previous_s, np.inf), self._last_s)
        weight_n = self.payload.weight_n
        if weight_n is None or not readings or not self._is_suspended:
            return
        torque = np.mean([r.torque_nm for r in readings], axis=0) - self.payload.tare_torque_nm
        gravity = hand.T_world_wrench[:3, :3].T @ [0.0, 0.0, -weight_n]
        center_of_mass = self._centers_of_mass.setdefault(
            self.grasp_detector.object_id, CenterOfMassEstimator()
        )
        center_of_mass.update(torque, gravity, inverse(hand.T_world_wrench) @ T_world_object)

    @property
    def _is_suspended(self) -> bool:
        """Whether what is held is in the air, in a hand that stands still."""
        return self._history.is_still and self._history.is_lifted

    def contacts(
        self, shapes: dict[int, np.ndarray], hand: HandState, inputs: SensorInputs
    ) -> ContactPoints:
        """Everything that touches the robot now: at the pads, and what the wrist feels beyond."""
        patches = []
        for contacts in hand.contacts:
            object_id = self.grasp_detector.object_id
            if object_id is None:
                object_id = nearest_object(
                    shapes, contacts.center_of_pressure_m, self.config.reach_m
                )
            patches.append((contacts, object_id))
        external = self._external_contact(shapes, hand, inputs)
        if external is not None:
            patches.append((external, self.grasp_detector.object_id))
        return merge_contacts(patches)

    def _external_contact(
        self, shapes: dict[int, np.ndarray], hand: HandState, inputs: SensorInputs
    ) -> ContactPatch | None:
        """Where what is held meets something else: the load that its weight does not explain."""
        held, mass = self.grasp_detector.object_id, self.payload.mass_kg
        newest = inputs.wrench.newest(hand.stamp_s)
        if held not in shapes or mass is None or newest is None:
            return None
        R, origin_m = hand.T_world_wrench[:3, :3], hand.T_world_wrench[:3, 3]
        readings = inputs.wrench.between(newest.stamp_s - WRENCH_WINDOW_S, newest.stamp_s)
        force = R @ np.mean([r.force_n for r in readings], axis=0) - self.payload.tare_force_n
        torque = R @ np.mean([r.torque_nm for r in readings], axis=0)
        weight = np.array([0.0, 0.0, -mass.mean * self.payload.gravity_mps2])
        arm = shapes[held].mean(axis=0) - origin_m
        external_wrench = np.concatenate([force - weight, torque - np.cross(arm, weight)])
        if np.linalg.norm(external_wrench[:3]) <= self.config.load_force_n:
            return None
        return contact_from_wrench(
            external_wrench,
            origin_m,
            shapes[held],
            self.config.max_line_of_action_gap_m,
        )

    def _is_dropped(self, hand: HandState | None, inputs: SensorInputs, stamp_s: float) -> bool:
        """Whether what was held in the air has fallen out: neither pads nor wrist feel it."""
        weight_n = self.payload.weight_n
        if hand is None or weight_n is None or hand.contacts or not self._history.is_lifted:
            return False
        readings = inputs.wrench.between(stamp_s - DROPPED_WINDOW_S, stamp_s)
        if not readings:
            return False
        force = hand.T_world_wrench[:3, :3] @ np.mean([r.force_n for r in readings], axis=0)
        return bool(self.payload.tare_force_n[2] - force[2] < MAX_DROPPED_RATIO * weight_n)

    def _update_payload(
        self, held: int | None, hand: HandState, inputs: SensorInputs, stamp_s: float
    ) -> None:
        readings = inputs.wrench.between(np.nextafter(self._last_s, np.inf), stamp_s)
        R = hand.T_world_wrench[:3, :3]
        if held is None:
            if not hand.contacts:
                self.payload.tare(readings, R)
        elif self._history.is_lifted:
            self.payload.update(readings, R, self._history.vertical_mps2, self._history.is_still)
