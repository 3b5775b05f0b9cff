"""Collision-free, time-parameterised motion of the arm."""

from planner_node.motion.errors import MotionError
from planner_node.motion.obstacles import BoxObstacle
from planner_node.motion.planner import MotionPlanner

__all__ = ['BoxObstacle', 'MotionError', 'MotionPlanner']
