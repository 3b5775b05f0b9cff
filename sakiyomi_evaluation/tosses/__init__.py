"""Real tosses of a cube: recordings, errors, the baseline and the curve over their number."""
