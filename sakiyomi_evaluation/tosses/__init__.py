"""Recorded tosses of a cube: MuJoCo baseline, data split, learning curve."""
