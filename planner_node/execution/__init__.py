"""Execution of a pick: motions as short goals, the fingers, and checks of the result."""
