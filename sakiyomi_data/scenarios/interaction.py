"""One interaction: what is done to which object when, and how the cell carries it out.

Times are seconds from t0, the instant that predictions start from: what is before is watched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from sakiyomi.scene import GripperCommand
from simulation_node.cell import SimulatedCell
from simulation_node.config import PHYSICS_HZ
from simulation_node.controllers import GripperDrive, PoseFollower

HISTORY_S, HORIZON_S = 1.2, 1.0
Event = tuple[float, Callable[[SimulatedCell], None]]


@dataclass(frozen=True)
class DrivenPath:
    """An object led through the air by nothing that shows, until it is let go."""

    name: str
    release_s: float
    at: Callable[[float], tuple[np.ndarray, np.ndarray]]  # time -> pose (4, 4), twist (6,)


@dataclass(frozen=True)
class HandScript:
    """What the free hand does."""

    times_s: np.ndarray  # (T,) rising
    T_world_grasp: np.ndarray  # (T, 4, 4)
    gripper_commands: tuple[tuple[float, GripperCommand], ...]  # commands to the fingers, by time
    start_width_m: float

    def sample_commands(
        self, times_s: np.ndarray, speed_mps: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Grasp frames (H, 4, 4), openings (H,) [m] and force limits (H,) [N] wanted then."""
        follower = PoseFollower(self.T_world_grasp[0])
        follower.follow(self.times_s - self.times_s[0], self.T_world_grasp, self.times_s[0])
        drive = GripperDrive(self.start_width_m, speed_mps)
        pending = list(self.gripper_commands)
        poses, widths = [], []
        for t in times_s:
            while pending and pending[0][0] <= t + 1e-9:
                due_s, command = pending.pop(0)
                drive.command(command, due_s, drive.sample(due_s)[0])
            poses.append(follower.sample(t))
            widths.append(drive.sample(t))
        return np.array(poses), np.array(widths)[:, 0], np.array(widths)[:, 1]


@dataclass(frozen=True)
class Interaction:
    """A scenario with everything drawn."""

    scenario: str
    actors: tuple[str, ...]  # the objects that it is about; others just lie there
    events: tuple[Event, ...] = ()
    path: DrivenPath | None = None
    hand: HandScript | None = None

    @property
    def undisturbed_s(self) -> float:
        """From when on nothing acts but the hand and what is there."""
        ends = [t for t, _ in self.events] + ([] if self.path is None else [self.path.release_s])
        return max(ends, default=-HISTORY_S)


@dataclass
class ScenarioPlayer:
    """Carries an interaction out on a cell, tick by tick from `-HISTORY_S`."""

    cell: SimulatedCell
    interaction: Interaction
    tick: int = field(default=-round(HISTORY_S * PHYSICS_HZ))

    def __post_init__(self) -> None:
        """Put the hand where it starts, and the led object on its path."""
        hand = self.interaction.hand
        events = list(self.interaction.events)
        if hand is not None:
            self.cell.reset_hand(hand.T_world_grasp[0], hand.start_width_m)
            events += [
                (t, lambda cell, c=c: cell.command_gripper(c)) for t, c in hand.gripper_commands
            ]
            start_s = hand.times_s[0]
            events.append(
                (
                    start_s,
                    lambda cell: cell.command_hand(hand.times_s - start_s, hand.T_world_grasp),
                )
            )
        self._events = sorted(events, key=lambda event: event[0])
        self._drive_path()

    @property
    def time_s(self) -> float:
        """Seconds from t0."""
        return self.tick / PHYSICS_HZ

    def advance(self, until_s: float) -> None:
        """Run until that time; the tick that is nearest to it."""
        until = round(until_s * PHYSICS_HZ)
        while self.tick < until:
            while self._events and self._events[0][0] <= self.time_s + 1e-9:
                self._events.pop(0)[1](self.cell)
            self.cell.step(1.0 / PHYSICS_HZ)
            self.tick += 1
            self._drive_path()

    def _drive_path(self) -> None:
        path = self.interaction.path
        if path is not None and self.time_s <= path.release_s + 1e-9:
            self.cell.set_object_state(path.name, *path.at(self.time_s))
