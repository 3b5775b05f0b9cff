"""What an evaluation keeps of one pick."""

from __future__ import annotations

from dataclasses import dataclass

from planner_node.grasping.grasp import Grasp


@dataclass(frozen=True)
class PickRecord:
    """One attempt."""

    object_id: int
    predicted_success: float
    outcome: str  # as the planner announced it
    reason: str
    in_bin: tuple[str, ...]  # what the attempt brought into the bin, by ground truth
    plan_s: float  # of computation
    execution_s: float  # simulated time, from the plan on
    features: dict

    @staticmethod
    def of(
        grasp: Grasp,
        outcome: str,
        reason: str,
        in_bin: tuple[str, ...],
        plan_s: float,
        execution_s: float,
    ) -> PickRecord:
        """The record of an attempt with this grasp."""
        return PickRecord(
            object_id=grasp.object_id,
            predicted_success=grasp.predicted_success,
            outcome=outcome,
            reason=reason,
            in_bin=in_bin,
            plan_s=plan_s,
            execution_s=execution_s,
            features=vars(grasp.features) | {'opening_m': grasp.opening_m},
        )
