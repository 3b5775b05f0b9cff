"""Polylines in joint space that hit nothing: straight, searched, and out of a grazing start."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from planner_node.config import MotionConfig
from planner_node.motion.collision import CollisionModel, Pair
from planner_node.motion.sampling import PathSearch
from planner_node.motion.timing import densify
from sakiyomi.robot.robot_model import RobotModel

END_RAD = 0.2  # the last stretch to an end that lies near an obstacle
LARGEST_ESCAPE_RAD, ESCAPE_TRIES = 0.15, 60


class RouteFinder:
    """Proposes routes, the preferred first."""

    def __init__(self, robot: RobotModel, collisions: CollisionModel, config: MotionConfig):
        """Route `robot` through the obstacles of `collisions`."""
        self.robot = robot
        self.config = config
        self._collisions = collisions
        self._search = PathSearch(robot.q_lower, robot.q_upper, config)

    def routes(self, q_start: np.ndarray, q_goals: np.ndarray) -> Iterator[np.ndarray]:
        """Corners (W, n) [rad] of free routes from a free start to one of the free goals (K, n).

        Routes that keep their distance from obstacles, but for ends that are too near to one, come
        before those that do not.
        """
        ends = np.array([q for q in (q_start, *q_goals) if self._collisions.is_near(q)])
        is_clear = partial(self._is_clear, ends.reshape(-1, len(q_start)))
        for is_free in (is_clear, self._is_free):
            for q_goal in q_goals:
                line = densify(np.stack([q_start, q_goal]), self.config.joint_step_rad)
                if all(is_free(q) for q in _coarse_to_fine(line)):
                    yield np.stack([q_start, q_goal])
        for attempt, is_free in enumerate((is_clear, is_clear, self._is_free)):
            corners = self._search.find(q_start, q_goals, is_free, attempt)
            if corners is not None:
                yield corners

    def _is_free(self, q: np.ndarray) -> bool:
        return not self._collisions.hits(q)

    def _is_clear(self, ends: np.ndarray, q: np.ndarray) -> bool:
        """Away from all obstacles, or close to an end that is near one and free."""
        if not self._collisions.is_near(q):
            return True
        at_an_end = bool((np.abs(ends - q).max(axis=1) < END_RAD).any())
        return at_an_end and not self._collisions.hits(q)

    def escape(self, q_start: np.ndarray) -> np.ndarray | None:
        """A free configuration close to one in collision, reached without a new contact."""
        rng = np.random.default_rng(self.config.seed)
        low, high = self.robot.q_lower, self.robot.q_upper
        for reach in np.linspace(0.02, LARGEST_ESCAPE_RAD, ESCAPE_TRIES):
            q = np.clip(q_start + rng.uniform(-reach, reach, len(q_start)), low, high)
            if not self._collisions.hits(q) and not self.new_contact(np.stack([q_start, q])):
                return q
        return None

    def new_contact(self, q_line: np.ndarray) -> frozenset[Pair]:
        """The first pairs along a polyline (W, n) that collide and did not just before."""
        touching = self._collisions.pairs(q_line[0])
        for q in densify(q_line, self.config.joint_step_rad)[1:]:
            before, touching = touching, frozenset()
            if self._collisions.hits(q):
                touching = self._collisions.pairs(q)
                if touching - before:
                    return touching - before
        return frozenset()


def _coarse_to_fine(q: np.ndarray) -> np.ndarray:
    """The same rows in another order, so that a blocked line shows after a few checks."""
    stride = 1 << int(np.log2(max(len(q) - 1, 1)))
    order = [len(q) - 1]
    while stride:
        order += range(0, len(q), stride)
        stride //= 2
    return q[list(dict.fromkeys(order))]
