"""Carry out a plan: every command is followed by a look at what came of it."""
