"""Removal of touch from observations, for models that are trained without touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sakiyomi.scene import HiddenProperties, ObjectState
from world_model_node.config import PredictionConfig
from world_model_node.contact_estimation.property_prior import prior_properties
from world_model_node.model.features.hand_observation import HandObservation
from world_model_node.model.features.scene_observation import SceneObservation


class TouchAblation:
    """Removes touch from consecutive observations.

    Properties that the hand has measured stay with an object after release, so the properties
    from before the first grasp replace the estimates. Tracked poses stay.

    Args:
        config: Prior of the properties of an object that was held from the start.
    """

    def __init__(self, config: PredictionConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget every object."""
        self._untouched: dict[int, HiddenProperties] = {}
        self._held: set[int] = set()

    def without_touch(self, observation: SceneObservation) -> SceneObservation:
        """The next observation, without touch."""
        objects = tuple(self._state(state) for state in observation.objects)
        return replace(observation, objects=objects, hand=_without_touch(observation.hand))

    def _state(self, state: ObjectState) -> ObjectState:
        if state.held:
            self._held.add(state.id)
        if state.id not in self._held:
            self._untouched[state.id] = state.properties
        elif state.id not in self._untouched:
            self._untouched[state.id] = self._prior(state)
        properties = self._untouched[state.id]
        return replace(state, properties=properties, held=False, slip_probability=0.0)

    def _prior(self, state: ObjectState) -> HiddenProperties:
        extent_m = np.ptp(state.points_m, axis=0).astype(float)
        return prior_properties(float(extent_m.prod()), extent_m, self._config)


def _without_touch(hand: HandObservation | None) -> HandObservation | None:
    """The hand without touch: pose, opening and force limit."""
    if hand is None:
        return None
    return HandObservation(hand.T_world_grasp, hand.finger_width_m, hand.force_limit_n)
