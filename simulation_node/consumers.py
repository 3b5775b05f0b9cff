"""Whom simulated time waits for: readers of the sensors that have not answered yet."""

from __future__ import annotations

import math
from collections.abc import Callable

WORLD_MODEL, PLANNER = 'world_model', 'planner'
PATIENCE_S = 2.0  # longest real time that the simulation waits for a consumer
LOCKSTEP_PATIENCE_S = 10.0
REMINDER_S = 1.0
STAMP_TOLERANCE_S = 1e-6  # stamps that differ by less are equal


class Consumers:
    """Holds simulated time back until the world model, and in lockstep the planner, have answered.

    Running freely, time goes on until it is `max_lead_s` ahead of the newest picture that the
    world model has answered. In lockstep it stands still after each picture until the world model
    has answered it and the planner has the scene, and after each state of the robot until the
    planner has seen that state and what the planner commanded has come in.

    Attributes:
        present: those whose answers somebody publishes.
        given_up: those that were waited for in vain; they count again once they answer.
    """

    def __init__(
        self, max_lead_s: float, lockstep: bool, gave_up: Callable[[str], None] = lambda _: None
    ) -> None:
        """Args: see the class; `gave_up` is called with the name of who was waited for in vain."""
        self._gave_up = gave_up
        self.max_lead_s, self.lockstep = max_lead_s, lockstep
        self.patience_s = LOCKSTEP_PATIENCE_S if lockstep else PATIENCE_S
        self.present: set[str] = set()
        self.given_up: set[str] = set()
        self._waits_s: dict[str, float] = {}  # by name, since they were asked for
        self._waiting_for, self._since_s, self._last_s = '', 0.0, 0.0
        self._reminded_s = -math.inf
        self._announced = self._received = 0  # commands of the planner
        self.restart()

    def restart(self) -> None:
        """Forget what was sent: nobody needs to answer it any more."""
        self._sent_s = dict.fromkeys((WORLD_MODEL, PLANNER), -math.inf)
        self._answered_s = dict.fromkeys((WORLD_MODEL, PLANNER), -math.inf)
        self._announced = self._received
        self._scene_s = -math.inf  # that the planner has

    def set_present(self, present: set[str]) -> None:
        """Who publishes answers now; who left has to answer anew before it is waited for."""
        for name in self.present - present:
            self._answered_s[name] = -math.inf
            self.given_up.discard(name)
        self.present = present

    def sent_picture(self, stamp_s: float) -> None:
        """A camera picture went out."""
        self._sent_s[WORLD_MODEL] = stamp_s

    def sent_state(self, stamp_s: float) -> None:
        """Joint states, wrench and pads went out."""
        self._sent_s[PLANNER] = stamp_s

    def world_model_answered(self, stamp_s: float) -> None:
        """The world model has used pictures up to this stamp."""
        self._answered(WORLD_MODEL, stamp_s)

    def planner_answered(self, stamp_s: float, commands: int, scene_s: float = math.inf) -> None:
        """The planner has acted on a state, sent so many commands so far, and has a scene."""
        self._scene_s = scene_s
        if commands < self._announced:  # another planner, which counts anew
            self._received = commands
        self._announced = commands
        self._answered(PLANNER, stamp_s)

    def command_received(self) -> None:
        """One command to the arm or the gripper has come in."""
        self._received += 1

    def _answered(self, name: str, stamp_s: float) -> None:
        self._answered_s[name] = stamp_s
        self.given_up.discard(name)

    def must_wait(self, time_s: float, wall_s: float) -> bool:
        """Whether simulated time has to stand still now."""
        name = self._awaited_consumer(time_s)
        self._count(name, wall_s)
        if name and wall_s - self._since_s > self.patience_s:
            self.given_up.add(name)
            self._gave_up(name)
            self._received = self._announced  # what has not come by now is lost
            return self.must_wait(time_s, wall_s)
        return bool(name)

    def reminder(self, wall_s: float) -> str:
        """Who has not answered for so long that its messages may be lost; at most once a second.

        Sensors are read with best effort: in lockstep a lost one would be waited for in vain.
        """
        due = self.lockstep and self._waiting_for
        if not due or wall_s - max(self._since_s, self._reminded_s) < REMINDER_S:
            return ''
        self._reminded_s = wall_s
        return self._waiting_for

    def waits_s(self) -> dict[str, float]:
        """Real time that each was waited for since the last call."""
        waits_s, self._waits_s = self._waits_s, {}
        return waits_s

    def _count(self, name: str, wall_s: float) -> None:
        if self._waiting_for:
            before_s = self._waits_s.get(self._waiting_for, 0.0)
            self._waits_s[self._waiting_for] = before_s + wall_s - self._last_s
        if name != self._waiting_for:
            self._waiting_for, self._since_s = name, wall_s
        self._last_s = wall_s

    def _awaited_consumer(self, time_s: float) -> str:
        """Who has to answer before time goes on; empty for nobody."""
        counted = self.present - self.given_up
        if WORLD_MODEL in counted and self._picture_awaited(time_s):
            return WORLD_MODEL
        owed = self._state_awaited() or (WORLD_MODEL in counted and self._scene_awaited())
        return PLANNER if PLANNER in counted and owed else ''

    def _picture_awaited(self, time_s: float) -> bool:
        answered_s = self._answered_s[WORLD_MODEL]
        if self._sent_s[WORLD_MODEL] <= answered_s + STAMP_TOLERANCE_S:
            return False
        ahead_s = time_s - answered_s if answered_s > -math.inf else 0.0
        return self.lockstep or 0.0 < self.max_lead_s < ahead_s

    def _scene_awaited(self) -> bool:
        return self.lockstep and self._sent_s[WORLD_MODEL] > self._scene_s + STAMP_TOLERANCE_S

    def _state_awaited(self) -> bool:
        unseen = self._sent_s[PLANNER] > self._answered_s[PLANNER] + STAMP_TOLERANCE_S
        return self.lockstep and (unseen or self._received < self._announced)
