"""Collision-free polylines in joint space: straight, searched, and out of a start in contact."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from planner_node.config import MotionConfig
from planner_node.motion.collision_model import CollisionChecker, Pair
from planner_node.motion.sampling_planner import SamplingPlanner
from planner_node.motion.time_parameterization import densify
from sakiyomi.robot.robot_model import RobotModel


class PathPlanner:
    """Proposes routes, the preferred first."""

    def __init__(self, robot: RobotModel, config: MotionConfig):
        self.robot = robot
        self.config = config
        self._sampling = SamplingPlanner(robot.q_lower, robot.q_upper, config)

    def candidate_paths(
        self, checker: CollisionChecker, q_start: np.ndarray, q_goals: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Corners (W, n) [rad] of free routes from a free start to one of the free goals (K, n).

        Routes that keep their distance from obstacles, but for ends that are too near to one, come
        before those that do not.
        """
        ends = np.array([q for q in (q_start, *q_goals) if checker.near_obstacle(q)])
        is_clear = partial(
            _has_clearance,
            checker,
            ends.reshape(-1, len(q_start)),
            self.config.endpoint_radius_rad,
        )
        is_free = partial(_is_free, checker)
        for allowed in (is_clear, is_free):
            for q_goal in q_goals:
                line = densify(np.stack([q_start, q_goal]), self.config.joint_step_rad)
                if all(allowed(q) for q in _coarse_to_fine(line)):
                    yield np.stack([q_start, q_goal])
        for attempt, allowed in enumerate((is_clear, is_clear, is_free)):
            corners = self._sampling.find(q_start, q_goals, allowed, attempt)
            if corners is not None:
                yield corners

    def escape(self, checker: CollisionChecker, q_start: np.ndarray) -> np.ndarray | None:
        """A free configuration close to one in collision, reached without a new contact."""
        rng = np.random.default_rng(self.config.seed)
        low, high = self.robot.q_lower, self.robot.q_upper
        for reach in np.linspace(0.02, self.config.max_escape_rad, self.config.num_escape_samples):
            q = np.clip(q_start + rng.uniform(-reach, reach, len(q_start)), low, high)
            if not checker.in_collision(q) and not self.new_collisions(
                checker, np.stack([q_start, q])
            ):
                return q
        return None

    def new_collisions(self, checker: CollisionChecker, q_line: np.ndarray) -> frozenset[Pair]:
        """The first pairs along a polyline (W, n) that collide and did not just before."""
        touching = checker.colliding_pairs(q_line[0])
        for q in densify(q_line, self.config.joint_step_rad)[1:]:
            before, touching = touching, frozenset()
            if checker.in_collision(q):
                touching = checker.colliding_pairs(q)
                if touching - before:
                    return touching - before
        return frozenset()


def _is_free(checker: CollisionChecker, q: np.ndarray) -> bool:
    return not checker.in_collision(q)


def _has_clearance(
    checker: CollisionChecker, ends: np.ndarray, radius_rad: float, q: np.ndarray
) -> bool:
    """Away from all obstacles, or close to an end that is near one and free."""
    if not checker.near_obstacle(q):
        return True
    at_an_end = bool((np.abs(ends - q).max(axis=1) < radius_rad).any())
    return at_an_end and not checker.in_collision(q)


def _coarse_to_fine(q: np.ndarray) -> np.ndarray:
    """The same rows in another order, so that a blocked line shows after a few checks."""
    stride = 1 << int(np.log2(max(len(q) - 1, 1)))
    order = [len(q) - 1]
    while stride:
        order += range(0, len(q), stride)
        stride //= 2
    return q[list(dict.fromkeys(order))]
