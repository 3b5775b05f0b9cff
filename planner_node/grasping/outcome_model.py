"""The interface between the planner and a model that predicts the outcome of a grasp."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from planner_node.grasping.grasp import Grasp
from sakiyomi.scene import Scene


@dataclass(frozen=True)
class Outcome:
    """The predicted outcome of a grasp.

    Attributes:
        success_probability: probability that the hand holds the object until the place.
        force_n: the grip force of the prediction.
    """

    success_probability: float
    force_n: float


class OutcomeModel(Protocol):
    """Predicts the outcomes of candidate grasps."""

    def evaluate(
        self, scene: Scene, candidates: Sequence[Grasp], force_limit_n: float = 0.0
    ) -> list[Outcome]:
        """One outcome per candidate, in the order of the candidates.

        Args:
            scene: the belief that the candidates were proposed in.
            candidates: on any of its objects.
            force_limit_n: largest grip force [N]; 0 for the default.
        """
