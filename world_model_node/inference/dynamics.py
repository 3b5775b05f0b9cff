"""What predicts: the seam between the scene and any model of motion, plain or learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sakiyomi.scene import HandMotion, HiddenProperties, Prediction, Scene
from world_model_node.model.features.hand_observation import HandObservation


@dataclass(frozen=True)
class ObjectBelief:
    """What dynamics have learned of one object by watching it."""

    properties: HiddenProperties
    surprise: float  # Mahalanobis distance of what just happened from what was predicted


class Dynamics(Protocol):
    """A model of how objects move."""

    name: str  # published with every prediction, e.g. physics_prior
    learned: bool

    def reset(self) -> None:
        """Forget what was observed."""

    def observe(self, scene: Scene, hand: HandObservation | None = None) -> None:
        """Update the belief about each object with the newest scene, and the hand where known."""

    def beliefs(self) -> dict[int, ObjectBelief]:
        """What is believed of the objects of the newest scene, by id, where it learns any."""

    def roll_out(
        self, scene: Scene, stamps_s: np.ndarray, action: HandMotion | None
    ) -> tuple[Prediction, ...]:
        """One prediction per object of the scene, in its order, at the stamps [s]. Shape (H,)."""

    def roll_out_batch(
        self, scene: Scene, stamps_s: np.ndarray, actions: Sequence[HandMotion | None]
    ) -> list[tuple[Prediction, ...]]:
        """The same for every action, which together may cost less than one by one."""
