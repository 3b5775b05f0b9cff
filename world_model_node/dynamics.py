"""What predicts: the seam between the scene and any model of motion, plain or learned."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sakiyomi.scene import HandMotion, Prediction, Scene


class Dynamics(Protocol):
    """A model of how objects move."""

    name: str  # published with every prediction, e.g. physics_prior
    learned: bool

    def reset(self) -> None:
        """Forget what was observed."""

    def observe(self, scene: Scene) -> None:
        """Update the belief about each object with the newest scene."""

    def roll_out(
        self, scene: Scene, stamps_s: np.ndarray, action: HandMotion | None
    ) -> tuple[Prediction, ...]:
        """One prediction per object of the scene, in its order, at the stamps [s]. Shape (H,)."""
