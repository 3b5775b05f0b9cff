"""What is left of an instant where nothing is felt: for models that touch is kept from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sakiyomi.scene import HiddenProperties, ObjectState
from world_model_node.config import PredictionConfig
from world_model_node.contact_estimation.property_prior import prior_properties
from world_model_node.model.features.hand_observation import HandObservation
from world_model_node.model.features.scene_observation import SceneObservation


class TouchAblation:
    """Takes what was felt out of instants that follow each other.

    What the hand weighed and rubbed stays with an object after it has let go, so an object counts
    as what it was taken for before it was first held. Poses are as they were tracked.

    Args:
        config: The prior of an object that was in the hand whenever it was seen.
    """

    def __init__(self, config: PredictionConfig) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget every object."""
        self._untouched: dict[int, HiddenProperties] = {}
        self._held: set[int] = set()

    def without_touch(self, observation: SceneObservation) -> SceneObservation:
        """The next instant, without touch."""
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
    """The hand as its joints and its orders tell."""
    if hand is None:
        return None
    return HandObservation(hand.T_world_grasp, hand.finger_width_m, hand.force_limit_n)
