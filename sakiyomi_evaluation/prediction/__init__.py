"""Predicted against true motion, by the world model and by what it must beat."""
