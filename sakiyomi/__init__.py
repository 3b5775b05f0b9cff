"""Sakiyomi: perceive, imagine, grasp. The ROS-free core shared by every node."""

__version__ = '0.1.0'
