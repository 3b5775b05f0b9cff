"""Picks with the arm, by the robot's own loop."""

from __future__ import annotations

from collections.abc import Callable

from planner_node.config import PlannerConfig
from planner_node.errors import PlanError
from sakiyomi.pick_request import PickRequest
from sakiyomi_data.closed_loop.closed_loop import ClosedLoop
from sakiyomi_evaluation.closed_loop.pick_record import PickRecord
from simulation_node.cell import SimulatedCell
from world_model_node.config import WorldModelConfig
from world_model_node.warm_up import freeze_gc

FIRST_OBSERVATION_S = 1.0  # until the objects of a new scene are tracked


class ArmCell:
    """Wraps the closed loop for protocols that count what came into the bin.

    Args:
        cell: with an arm.
        planner: configuration.
        model: configuration of the world model.
        clock: of the closed loop.

    Attributes:
        on_phase: called with the simulated cell at each change of phase, for pictures.
    """

    def __init__(
        self,
        cell: SimulatedCell,
        planner: PlannerConfig,
        model: WorldModelConfig,
        clock: str = 'run',
    ) -> None:
        self.cell = cell
        self.loop = ClosedLoop(cell, planner, model, clock=clock)
        self.loop.on_step = self._note_phase
        self.on_phase: Callable[[SimulatedCell], None] = lambda _: None
        self._phase = ''

    def reset(self, seed: int) -> None:
        """A new scene, and a robot that knows nothing of the last one."""
        self.loop.reset(seed)
        freeze_gc()
        self.loop.run(FIRST_OBSERVATION_S)

    @property
    def cleared(self) -> list[str]:
        """What is off the table, by ground truth."""
        return self.cell.names_in_bin()

    def pick(self, request: PickRequest | None = None) -> PickRecord:
        """One pick, judged by the truth.

        Raises:
            PlanError: nothing could be planned.
        """
        before, self._phase = set(self.cleared), ''
        job = self.loop.pick(request)
        if job.plan is None:
            raise PlanError(job.outcome, job.reason)
        return PickRecord.of(
            job.plan.grasp,
            job.outcome,
            job.reason,
            tuple(sorted(set(self.cleared) - before)),
            job.plan.plan_s,
            job.execution_s,
        )

    def _note_phase(self, loop: ClosedLoop) -> None:
        phase = loop.job.phase if loop.job is not None else ''
        if phase != self._phase:
            self._phase = phase
            self.on_phase(self.cell)
