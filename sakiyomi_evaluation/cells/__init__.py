"""Simulated cells that are watched or worked in, and what is really there."""
