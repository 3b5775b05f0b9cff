"""The arm's motions: inverse kinematics, a path that hits nothing, and its timing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from planner_node.config import MotionConfig
from planner_node.motion.cartesian import straight_line, travel_m
from planner_node.motion.collision import CollisionModel, Pair
from planner_node.motion.errors import MotionError
from planner_node.motion.obstacles import BoxObstacle
from planner_node.motion.route import RouteFinder
from planner_node.motion.timing import Limits, densify, standing_still, time_path
from sakiyomi.robot.robot_model import RobotModel
from sakiyomi.scene import JointTrajectory

SPLINE_SPACINGS_RAD = (0.4, 0.15, 0.05)  # the finer, the closer the curve hugs the polyline
LARGEST_JOINT_JUMP_RAD = 0.25  # between poses one Cartesian step apart


class MotionPlanner:
    """Plans for one arm in one scene; the same seed and scene give the same motion."""

    def __init__(self, robot: RobotModel, config: MotionConfig | None = None):
        """Plan for `robot`, in an empty world on a table at z = 0."""
        self.robot = robot
        self.config = config or MotionConfig()
        self.limits = Limits(
            robot.dq_max * self.config.velocity_scale,
            robot.ddq_max * self.config.acceleration_scale,
        )
        self._collisions = CollisionModel(robot, self.config)
        self._routes = RouteFinder(robot, self._collisions, self.config)
        self.set_scene(np.empty((0, 3)))

    def set_scene(
        self,
        cloud_m: np.ndarray,
        table_height_m: float | None = 0.0,
        boxes: Iterable[BoxObstacle] = (),
    ) -> None:
        """Replace the obstacles; leave the target's points out to let the hand near it.

        Args:
            cloud_m: occupied points, world frame [m]. Shape (N, 3).
            table_height_m: top of the table [m]; None for no table.
            boxes: further solid boxes.
        """
        self._collisions.set_obstacles(cloud_m, table_height_m, boxes)

    def set_finger_width(self, finger_width_m: float) -> None:
        """Check collisions with the pads this far apart [m] from now on."""
        self._collisions.finger_width_m = float(finger_width_m)

    def attach(self, points_in_grasp_frame: np.ndarray) -> None:
        """Carry the convex hull of these points (N, 3) [m] along."""
        self._collisions.attach(points_in_grasp_frame)

    def detach(self) -> None:
        """Carry nothing."""
        self._collisions.detach()

    def in_collision(self, q: np.ndarray) -> bool:
        """Whether anything collides at q (n,) [rad]; faster than `collision`."""
        return self._collisions.hits(q)

    def collision(self, q: np.ndarray) -> str | None:
        """What hits what at q (n,) [rad], such as 'panda_hand with scene', or None."""
        return _describe(self._collisions.pairs(q))

    def ik(self, T_world_grasp: np.ndarray, q_seed: np.ndarray | None = None) -> np.ndarray:
        """A collision-free solution close to the seed (home when None). Shape (n,).

        Raises:
            MotionError: 'unreachable', or 'goal in collision: A with B'.
        """
        q = self.robot.follow(T_world_grasp, self.robot.q_home if q_seed is None else q_seed)
        if q is not None and not self.in_collision(q):
            return q
        return self._free_solutions([T_world_grasp], q_seed)[0]

    def ik_many(
        self, T_world_grasps: Sequence[np.ndarray], q_seed: np.ndarray | None = None
    ) -> list[np.ndarray | None]:
        """`ik` for many poses at once, far faster than one by one; None where it would fail."""
        if not len(T_world_grasps):
            return []
        solutions = self.robot.inverse_kinematics_many(
            np.asarray(T_world_grasps), q_seed, self.config.ik_restarts
        )
        return [
            next((q for q in candidates if not self.in_collision(q)), None)
            for candidates in solutions
        ]

    def plan_to(self, q_start: np.ndarray, q_goal: np.ndarray) -> JointTrajectory:
        """A motion between joint angles (n,) [rad]: straight where free, else around.

        A start that grazes something is first moved out of it, if a small motion does.

        Raises:
            MotionError: either end is in collision or out of limits, or no path is found in time.
        """
        self._require_free(q_goal, 'goal')
        return self._plan(np.asarray(q_start, float), np.asarray(q_goal, float)[None])

    def plan_to_pose(
        self, q_start: np.ndarray, T_world_goals: Sequence[np.ndarray]
    ) -> JointTrajectory:
        """A motion to whichever of the grasp-frame poses is reached first.

        Raises:
            MotionError: as for `ik` and `plan_to`.
        """
        q_goals = self._free_solutions(T_world_goals, q_start)
        return self._plan(np.asarray(q_start, float), q_goals[: self.config.ik_restarts])

    def plan_linear(
        self,
        q_start: np.ndarray,
        T_world_goal: np.ndarray,
        speed_mps: float = 0.1,
        check: bool = True,
    ) -> JointTrajectory:
        """A motion of the grasp frame on a straight line.

        What touches at the start (a grasped object on the table, say) may go on touching until it
        parts; new contacts are refused.

        Args:
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
        q_line = self._follow(poses, q_start)
        new = self._routes.new_contact(q_line) if check else frozenset()
        if new:
            raise MotionError(f'path in collision: {_describe(new)}')
        length = np.linspace(0.0, travel_m(T_start, T_world_goal), len(poses))
        period, acceleration = self.config.sample_period_s, self.config.hand_acceleration_mps2
        trajectory = time_path(q_line, self.limits, period, length, speed_mps, acceleration)
        if trajectory is None:
            raise MotionError('no path: the straight line could not be timed')
        return trajectory

    def _plan(self, q_start: np.ndarray, q_goals: np.ndarray) -> JointTrajectory:
        self._require_within_limits(q_start, 'start')
        lead = np.empty((0, len(q_start)))
        if self.in_collision(q_start):
            lead = q_start[None]
            q_start = self._routes.escape(q_start)
            if q_start is None:
                raise MotionError(f'start in collision: {self.collision(lead[0])}')
        for corners in self._routes.routes(q_start, q_goals):
            trajectory = self._timed(np.vstack([lead, corners]))
            if trajectory is not None:
                return trajectory
        raise MotionError(f'no path in {self.config.planning_time_s} s')

    def _timed(self, corners: np.ndarray) -> JointTrajectory | None:
        """Time a free polyline, smoothed as far as the smooth curve stays free."""
        if np.abs(corners - corners[0]).max() < 1e-6:
            return standing_still(corners[0])
        for spacing in SPLINE_SPACINGS_RAD if len(corners) > 2 else (np.inf,):
            waypoints = densify(corners, spacing)
            trajectory = time_path(waypoints, self.limits, self.config.sample_period_s)
            if trajectory is not None and self._is_free(trajectory):
                return trajectory
        return None

    def _is_free(self, trajectory: JointTrajectory) -> bool:
        q, low, high = trajectory.q, self.robot.q_lower, self.robot.q_upper
        inside = (q >= low - 1e-6) & (q <= high + 1e-6)
        return bool(inside.all()) and not self._routes.new_contact(q)

    def _free_solutions(
        self, T_world_goals: Sequence[np.ndarray], q_seed: np.ndarray | None
    ) -> np.ndarray:
        seed = self.robot.q_home if q_seed is None else np.asarray(q_seed, dtype=float)
        solutions = np.vstack(
            self.robot.inverse_kinematics_many(
                np.asarray(T_world_goals), seed, self.config.ik_restarts
            )
        )
        if not len(solutions):
            raise MotionError('unreachable')
        solutions = solutions[np.argsort(np.linalg.norm(solutions - seed, axis=1), kind='stable')]
        free = [q for q in solutions if not self.in_collision(q)]
        if not free:
            raise MotionError(f'goal in collision: {self.collision(solutions[0])}')
        return np.array(free)

    def _follow(self, poses: np.ndarray, q_start: np.ndarray) -> np.ndarray:
        """Joint angles along neighbouring poses, with no jump between them."""
        q_end = self.robot.follow(poses[-1], q_start)
        if q_end is not None:
            share = np.linspace(0.0, 1.0, len(poses))[:, None]
            q_line = self.robot.follow_all(poses, q_start + share * (q_end - q_start))
            if (
                q_line is not None
                and np.abs(np.diff(q_line, axis=0)).max() < LARGEST_JOINT_JUMP_RAD
            ):
                return q_line
        return self._follow_step_by_step(poses, q_start)

    def _follow_step_by_step(self, poses: np.ndarray, q_start: np.ndarray) -> np.ndarray:
        q = [q_start]
        for k, pose in enumerate(poses[1:], start=1):
            step = self.robot.follow(pose, q[-1])
            if step is None or np.abs(step - q[-1]).max() > LARGEST_JOINT_JUMP_RAD:
                raise MotionError(f'unreachable: {k / (len(poses) - 1):.0%} along the line')
            q.append(step)
        return np.array(q)

    def _require_free(self, q: np.ndarray, which: str) -> None:
        self._require_within_limits(q, which)
        pairs = self._collisions.pairs(q)
        if pairs:
            raise MotionError(f'{which} in collision: {_describe(pairs)}')

    def _require_within_limits(self, q: np.ndarray, which: str) -> None:
        q = np.asarray(q, dtype=float)
        low, high = self.robot.q_lower - 1e-4, self.robot.q_upper + 1e-4
        if not ((q >= low) & (q <= high)).all():
            raise MotionError(f'outside the joint limits: {which} {np.round(q, 3).tolist()}')


def _describe(pairs: frozenset[Pair]) -> str | None:
    """The first pair in alphabetical order, in words."""
    return ' with '.join(min(pairs)) if pairs else None
