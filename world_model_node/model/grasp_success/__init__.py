"""Grasp success: the probability that a closing hand holds an object, from its surface."""
