"""PyBullet rolled out from a given state: baseline predictor and speed reference."""
