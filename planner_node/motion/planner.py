"""The arm's motions: inverse kinematics, a collision-free path, and its timing."""

from __future__ import annotations

import numpy as np

from planner_node.config import MotionConfig
from planner_node.motion.cartesian import straight_line, travel_m
from planner_node.motion.collision_model import CollisionChecker, CollisionModel, describe
from planner_node.motion.errors import MotionError
from planner_node.motion.path_planner import PathPlanner
from planner_node.motion.planning_scene import PlanningScene
from planner_node.motion.time_parameterization import (
    JointLimits,
    densify,
    parameterize_path,
    stationary_trajectory,
)
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory


class MotionPlanner:
    """Plans for one arm; the same seed and scene give the same motion."""

    def __init__(self, robot: RobotModel, config: MotionConfig | None = None):
        self.robot = robot
        self.config = config or MotionConfig()
        self.limits = JointLimits(
            robot.dq_max * self.config.velocity_scale,
            robot.ddq_max * self.config.acceleration_scale,
        )
        self._collisions = CollisionModel(robot, self.config)
        self._paths = PathPlanner(robot, self.config)

    def checker(self, scene: PlanningScene) -> CollisionChecker:
        """Tells which configurations collide in a scene."""
        return self._collisions.checker(scene)

    def ik(
        self, scene: PlanningScene, T_world_grasp: np.ndarray, q_seed: np.ndarray | None = None
    ) -> np.ndarray:
        """A collision-free solution close to the seed (home when None). Shape (n,).

        Raises:
            MotionError: 'unreachable', or 'goal in collision: A with B'.
        """
        checker = self.checker(scene)
        q_seed = self.robot.q_home if q_seed is None else np.asarray(q_seed, dtype=float)
        q = self.robot.solve_from_seed(T_world_grasp, q_seed)
        if q is not None and not checker.in_collision(q):
            return q
        return self._free_solution(checker, T_world_grasp, q_seed)

    def plan_to(
        self, scene: PlanningScene, q_start: np.ndarray, q_goal: np.ndarray
    ) -> JointTrajectory:
        """A motion between joint angles (n,) [rad]: straight where free, else around.

        A start in light contact is first moved out of the contact by a small motion.

        Raises:
            MotionError: either end is in collision or out of limits, or no path is found in time.
        """
        checker = self.checker(scene)
        self._require_within_limits(q_goal, 'goal')
        pairs = checker.colliding_pairs(q_goal)
        if pairs:
            raise MotionError(f'goal in collision: {describe(pairs)}')
        return self._plan(checker, np.asarray(q_start, float), np.asarray(q_goal, float))

    def plan_linear(
        self,
        scene: PlanningScene,
        q_start: np.ndarray,
        T_world_goal: np.ndarray,
        speed_mps: float = 0.1,
        check: bool = True,
    ) -> JointTrajectory:
        """A motion of the grasp frame on a straight line.

        What touches at the start (a grasped object on the table, say) may go on touching until it
        parts; new contacts are refused.

        Args:
            scene: what is in the way.
            q_start: arm angles [rad]. Shape (n,).
            T_world_goal: where the grasp frame ends. Shape (4, 4).
            speed_mps: speed along the line, lower where a joint is at its limit.
            check: False skips the collision checks.

        Raises:
            MotionError: 'unreachable' at a point of the line, or 'path in collision: A with B'.
        """
        q_start = np.asarray(q_start, dtype=float)
        T_start = self.robot.grasp_pose(q_start)
        poses = straight_line(T_start, T_world_goal, self.config.cartesian_step_m)
        q_line = self._track_line(poses, q_start)
        checker = self.checker(scene)
        new = self._paths.new_collisions(checker, q_line) if check else frozenset()
        if new:
            raise MotionError(f'path in collision: {describe(new)}')
        length = np.linspace(0.0, travel_m(T_start, T_world_goal), len(poses))
        period, acceleration = self.config.sample_period_s, self.config.hand_acceleration_mps2
        trajectory = parameterize_path(
            q_line, self.limits, period, length, speed_mps, acceleration
        )
        if trajectory is None:
            raise MotionError('no path: the straight line could not be timed')
        return trajectory

    def _plan(
        self, checker: CollisionChecker, q_start: np.ndarray, q_goal: np.ndarray
    ) -> JointTrajectory:
        self._require_within_limits(q_start, 'start')
        lead = np.empty((0, len(q_start)))
        if checker.in_collision(q_start):
            lead = q_start[None]
            q_start = self._paths.escape(checker, q_start)
            if q_start is None:
                raise MotionError(f'start in collision: {checker.describe_collision(lead[0])}')
        for corners in self._paths.candidate_paths(checker, q_start, q_goal[None]):
            trajectory = self._time_parameterized(checker, np.vstack([lead, corners]))
            if trajectory is not None:
                return trajectory
        raise MotionError(f'no path in {self.config.planning_time_s} s')

    def _time_parameterized(
        self, checker: CollisionChecker, corners: np.ndarray
    ) -> JointTrajectory | None:
        """Time a free polyline, smoothed as far as the smooth curve stays free."""
        if np.abs(corners - corners[0]).max() < 1e-6:
            return stationary_trajectory(corners[0])
        for spacing in self.config.spline_spacings_rad if len(corners) > 2 else (np.inf,):
            waypoints = densify(corners, spacing)
            trajectory = parameterize_path(waypoints, self.limits, self.config.sample_period_s)
            if trajectory is not None and self._is_free(checker, trajectory):
                return trajectory
        return None

    def _is_free(self, checker: CollisionChecker, trajectory: JointTrajectory) -> bool:
        q, low, high = trajectory.q, self.robot.q_lower, self.robot.q_upper
        inside = (q >= low - 1e-6) & (q <= high + 1e-6)
        return bool(inside.all()) and not self._paths.new_collisions(checker, q)

    def _free_solution(
        self, checker: CollisionChecker, T_world_goal: np.ndarray, q_seed: np.ndarray
    ) -> np.ndarray:
        """Of all solutions of inverse kinematics, the free one nearest to the seed."""
        solutions = np.vstack(
            self.robot.inverse_kinematics_many(
                np.asarray(T_world_goal)[None], q_seed, self.config.ik_restarts
            )
        )
        if not len(solutions):
            raise MotionError('unreachable')
        nearest = np.argsort(np.linalg.norm(solutions - q_seed, axis=1), kind='stable')
        solutions = solutions[nearest]
        free = next((q for q in solutions if not checker.in_collision(q)), None)
        if free is None:
            raise MotionError(f'goal in collision: {checker.describe_collision(solutions[0])}')
        return free

    def _track_line(self, poses: np.ndarray, q_start: np.ndarray) -> np.ndarray:
        """Joint angles along neighbouring poses, with no jump between them."""
        max_jump_rad = self.config.max_joint_jump_rad
        q_end = self.robot.solve_from_seed(poses[-1], q_start)
        if q_end is not None:
            share = np.linspace(0.0, 1.0, len(poses))[:, None]
            q_line = self.robot.solve_from_seeds(poses, q_start + share * (q_end - q_start))
            if q_line is not None and np.abs(np.diff(q_line, axis=0)).max() < max_jump_rad:
                return q_line
        return self._track_line_stepwise(poses, q_start)

    def _track_line_stepwise(self, poses: np.ndarray, q_start: np.ndarray) -> np.ndarray:
        q = [q_start]
        for k, pose in enumerate(poses[1:], start=1):
            step = self.robot.solve_from_seed(pose, q[-1])
            if step is None or np.abs(step - q[-1]).max() > self.config.max_joint_jump_rad:
                raise MotionError(f'unreachable: {k / (len(poses) - 1):.0%} along the line')
            q.append(step)
        return np.array(q)

    def _require_within_limits(self, q: np.ndarray, which: str) -> None:
        q = np.asarray(q, dtype=float)
        low, high = self.robot.q_lower - 1e-4, self.robot.q_upper + 1e-4
        if not ((q >= low) & (q <= high)).all():
            raise MotionError(f'outside the joint limits: {which} {np.round(q, 3).tolist()}')
