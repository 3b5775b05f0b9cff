"""The actions of control_msgs, None where it is not installed: it is not on PyPI."""

from __future__ import annotations

try:
    from control_msgs.action import FollowJointTrajectory, GripperCommand
except ImportError:
    FollowJointTrajectory = GripperCommand = None
try:
    from control_msgs.action import ParallelGripperCommand
except ImportError:  # older releases of control_msgs do not have it
    ParallelGripperCommand = None
