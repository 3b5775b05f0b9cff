"""The engine rolled out from a given state: predictor and yardstick."""
