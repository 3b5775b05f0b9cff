"""Grasps that were tried in simulation, and what is learned from how they ended."""
