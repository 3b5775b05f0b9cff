"""The hand for the dynamics, and what they believe back into the scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from sakiyomi.scene import Gaussian, ObjectState, Scene
from sakiyomi.sensing import WrenchReading
from world_model_node.inference.dynamics import ObjectBelief
from world_model_node.inputs.hand_state import HandState
from world_model_node.model.features.hand_observation import HandObservation

SIDES = ('left', 'right')


def observe_hand(
    hand: HandState, wrench: WrenchReading | None, grip_force_n: float
) -> HandObservation:
    """The hand as it is at this instant.

    Args:
        hand: Its pose and its contacts.
        wrench: The newest at the wrist; None: no touch is felt.
        grip_force_n: The limit that is assumed while it presses on something [N].
    """
    force, point = np.zeros((2, 3)), np.tile(hand.T_world_grasp[:3, 3], (2, 1))
    pressed = np.zeros(2, bool)
    for contacts in hand.contacts:
        side = SIDES.index(contacts.side)
        force[side], point[side] = contacts.forces_n.sum(axis=0), contacts.center_of_pressure_m
        pressed[side] = True
    return HandObservation(
        hand.T_world_grasp,
        hand.finger_width_m,
        grip_force_n if pressed.all() else 0.0,
        wrench is not None,
        force,
        point,
        pressed,
        np.zeros(6) if wrench is None else np.concatenate([wrench.force_n, wrench.torque_nm]),
    )


def scene_with_beliefs(
    scene: Scene,
    beliefs: dict[int, ObjectBelief],
    measured_properties: Callable[[ObjectState], dict[str, Gaussian]],
) -> Scene:
    """The scene with what dynamics have learned of its objects.

    Args:
        scene: as it was tracked.
        beliefs: of the dynamics, by id.
        measured_properties: properties that touch has measured, which no dynamics know better.
    """
    objects = (
        _state_with_belief(s, beliefs.get(s.id), measured_properties(s)) for s in scene.objects
    )
    return replace(scene, objects=tuple(objects))


def _state_with_belief(
    state: ObjectState, belief: ObjectBelief | None, measured_properties: dict[str, Gaussian]
) -> ObjectState:
    if belief is not None:
        state = replace(state, properties=belief.properties, surprise=belief.surprise)
    return replace(state, properties=replace(state.properties, **measured_properties))
