"""Sampling-based search for a joint path around obstacles, with OMPL's RRT-Connect.

Source: Kuffner and LaValle, RRT-Connect, ICRA 2000; paths are then shortened by random shortcuts.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ompl import base, geometric, util

from planner_node.config import MotionConfig

# OMPL warns on each re-seeding; samplers made afterwards do follow the new seed.
util.setLogLevel(util.LOG_NONE)


class SamplingPlanner:
    """Finds polylines from a start to the nearest of several goals."""

    def __init__(self, q_lower: np.ndarray, q_upper: np.ndarray, config: MotionConfig):
        """Search the box between the joint limits (n,) [rad]."""
        self.config = config
        self.dimension = len(q_lower)
        bounds = base.RealVectorBounds(self.dimension)
        for i in range(self.dimension):
            bounds.setLow(i, float(q_lower[i]) - 1e-6)
            bounds.setHigh(i, float(q_upper[i]) + 1e-6)
        self.space = base.RealVectorStateSpace(self.dimension)
        self.space.setBounds(bounds)

    def find(
        self,
        q_start: np.ndarray,
        q_goals: np.ndarray,
        is_free: Callable[[np.ndarray], bool],
        attempt: int = 0,
    ) -> np.ndarray | None:
        """A free polyline, or None when none is found in a share of the planning time.

        Args:
            q_start: free start [rad]. Shape (n,).
            q_goals: free goals [rad]. Shape (K, n).
            is_free: tells whether a configuration (n,) is free of collision.
            attempt: which of the attempts at this problem it is; each draws other samples.

        Returns:
            Corners of the path from the start to one of the goals [rad]. Shape (W, n).
        """
        util.RNG.setSeed(self.config.seed + attempt + 1)  # OMPL refuses 0
        information = self._space_information(is_free)
        problem = self._problem(information, q_start, q_goals)
        planner = geometric.RRTConnect(information)
        planner.setRange(self.config.search_range_rad)
        planner.setProblemDefinition(problem)
        planner.setup()
        planner.solve(self.config.planning_time_s / self.config.num_search_attempts)
        if not problem.hasExactSolution():
            return None
        path = problem.getSolutionPath()
        self._shorten(information, path)
        return np.array([self._values(state) for state in path.getStates()])

    def _space_information(self, is_free: Callable[[np.ndarray], bool]) -> base.SpaceInformation:
        information = base.SpaceInformation(self.space)
        information.setStateValidityChecker(lambda state: bool(is_free(self._values(state))))
        resolution = self.config.joint_step_rad / self.space.getMaximumExtent()
        information.setStateValidityCheckingResolution(resolution)
        information.setup()
        return information

    def _problem(
        self, information: base.SpaceInformation, q_start: np.ndarray, q_goals: np.ndarray
    ) -> base.ProblemDefinition:
        problem = base.ProblemDefinition(information)
        problem.addStartState(self._state(information, q_start))
        goals = base.GoalStates(information)
        for q_goal in q_goals:
            goals.addState(self._state(information, q_goal))
        problem.setGoal(goals)
        return problem

    def _shorten(self, information: base.SpaceInformation, path: geometric.PathGeometric) -> None:
        """A fixed number of steps, not a time, so that the same seed gives the same path."""
        simplifier, steps = geometric.PathSimplifier(information), self.config.num_shortcut_steps
        for _ in range(self.config.num_shortcut_rounds):
            simplifier.reduceVertices(path, steps)
            simplifier.partialShortcutPath(path, steps)

    def _state(self, information: base.SpaceInformation, q: np.ndarray) -> base.State:
        state = information.allocState()
        for i in range(self.dimension):
            state[i] = float(q[i])
        return state

    def _values(self, state: base.State) -> np.ndarray:
        return np.array([state[i] for i in range(self.dimension)])
