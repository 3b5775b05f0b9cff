"""Collision-free, time-parameterised motion of the arm."""

from planner_node.motion.errors import MotionError
from planner_node.motion.planner import MotionPlanner
from planner_node.motion.planning_scene import BoxObstacle, PlanningScene

__all__ = ['BoxObstacle', 'MotionError', 'MotionPlanner', 'PlanningScene']
