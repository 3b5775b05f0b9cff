"""Drivers of arm and gripper: the topics and actions of ros2_control behind two Protocols."""
