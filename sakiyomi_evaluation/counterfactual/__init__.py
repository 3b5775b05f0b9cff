"""Candidate motions, imagined by the world model and simulated."""
