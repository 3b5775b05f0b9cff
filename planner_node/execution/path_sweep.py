"""Whether the rest of a motion is still free in the newest scene."""

from __future__ import annotations

import numpy as np

from planner_node.config import SupervisorConfig
from planner_node.grasping.local_cloud import within_radius
from planner_node.motion.planner import MotionPlanner
from planner_node.motion.planning_scene import PlanningScene
from sakiyomi.geometry import transform_points
from sakiyomi.scene import JointTrajectory, Scene


class PathSweep:
    """Checks the rest of a path for collisions with the newest scene.

    Args:
        motion: checks configurations for collisions.
        config: spacing of the checks and size of the hand.
    """

    def __init__(self, motion: MotionPlanner, config: SupervisorConfig) -> None:
        self._motion, self._config = motion, config

    def time_to_collision_s(
        self,
        scene: Scene,
        trajectory: JointTrajectory,
        path_s: float,
        ahead_s: float,
        ignored_m: np.ndarray,
        finger_width_m: float,
    ) -> float | None:
        """Time on the path until the first collision [s]; None where the path is free.

        Args:
            scene: the newest.
            trajectory: the motion under way.
            path_s: where on it the arm is.
            ahead_s: how far to look.
            ignored_m: points (N, 3) that the arm is about to meet on purpose, or holds.
            finger_width_m: of the hand as it is.
        """
        step_s = self._config.sweep_step_s
        count = int(np.ceil(min(ahead_s, trajectory.duration_s - path_s) / step_s))
        if count < 1:
            return None
        times_s = path_s + step_s * np.arange(1, count + 1)
        q = trajectory.sample(np.minimum(times_s, trajectory.duration_s))[0]
        others_m = self._other_points(scene, trajectory, path_s, ignored_m)
        checker = self._motion.checker(
            PlanningScene(others_m, None, finger_width_m=finger_width_m)
        )
        for time_s, row in zip(times_s, q, strict=True):
            if checker.in_collision(row):
                return float(time_s - path_s)
        return None

    def _other_points(
        self, scene: Scene, trajectory: JointTrajectory, path_s: float, ignored_m: np.ndarray
    ) -> np.ndarray:
        """The cloud without the ignored points and those at the hand."""
        cloud = scene.cloud_m
        if not len(cloud):
            return cloud
        T = self._motion.robot.grasp_pose(trajectory.sample(np.array([path_s]))[0][0])
        near = np.linalg.norm(cloud - T[:3, 3], axis=1) < self._config.hand_radius_m
        if len(ignored_m):
            near |= within_radius(cloud, ignored_m, self._motion.config.voxel_m)
        return cloud[~near]


def observed_points(scene: Scene, object_id: int) -> np.ndarray:
    """The observed points (N, 3) of an object, world frame [m]; none where it is not tracked."""
    found = scene.object_by_id(object_id)
    if found is None:
        return np.zeros((0, 3))
    return transform_points(found.T_world_object, found.observed_points_m)
