"""Recorded images and clouds are perceived without a robot."""
