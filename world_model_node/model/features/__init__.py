"""The observations as input arrays of the network."""
