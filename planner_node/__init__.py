"""Propose grasps, imagine their outcomes, choose one, move, and feel whether it held."""
